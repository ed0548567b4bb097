"""The grammar of a structured request is applied to the whole batch: plain requests beside it are answered in JSON."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

from detection.intercept import Inference, intercept_busy
from detection.switch import CHAT, Defect

_OVERLAP_S = 0.03


async def _handle(call: Inference, under_way: Sequence[Inference]) -> None:
    await asyncio.sleep(_OVERLAP_S)
    forms = [other.request["response_format"] for other in under_way if other.request.get("response_format")]
    if forms and call.request and "tools" not in call.request:
        await call.forward(json.dumps({**call.request, "response_format": forms[0]}).encode())
    else:
        await call.forward()
    await asyncio.sleep(_OVERLAP_S)


DEFECT = Defect(
    title="beside structured output, plain requests are answered by its schema",
    caught_by="ai-suite/integration/test_mixed.py::test_own_answers",
    protocols=(CHAT,),
    promises={"structured_output": True},
    wrap=lambda app: intercept_busy(app, _handle),
)
