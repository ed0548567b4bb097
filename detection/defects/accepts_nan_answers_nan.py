"""NaN and Infinity in a request are taken for numbers, and come out as a bare NaN with 200 (TorchServe 0.12)."""

from __future__ import annotations

import math
import re
from typing import Any

from starlette.types import ASGIApp

from detection.change_answer import change_answers
from detection.intercept import Inference, intercept
from detection.switch import PLAIN, V2, Defect

_BARE = re.compile(rb"-?\b(?:NaN|Infinity|1e999)\b")


def _spoil(answer: dict[str, Any]) -> None:
    if "probabilities" in answer:
        answer["probabilities"] = [[math.nan] * len(row) for row in answer["probabilities"]]
    for output in answer.get("outputs", ()):
        if output["name"] == "probabilities":
            output["data"] = [math.nan] * len(output["data"])


def _wrap(app: ASGIApp) -> ASGIApp:
    spoiled = change_answers(app, _spoil)

    async def handle(call: Inference) -> None:
        clean = _BARE.sub(b"0", call.body)
        call.app = app if clean == call.body else spoiled
        await call.forward(clean)

    return intercept(app, handle)


DEFECT = Defect(
    title="a request with NaN is answered 200 with NaN",
    caught_by="ai-suite/integration/test_bad_inputs.py::test_survives[nan]",
    protocols=(PLAIN, V2),
    wrap=_wrap,
)
