"""A bare NaN in a successful answer: lenient parsers pass it on, strict ones cannot read it (RFC 8259 section 6)."""

from __future__ import annotations

import math
from typing import Any

from detection.change_answer import change_answers
from detection.switch import Defect


def _spoil(answer: dict[str, Any]) -> None:
    """The first probability becomes NaN; in chat the log-probability of the answer's text."""
    if "probabilities" in answer:
        answer["probabilities"][0][0] = math.nan
    for output in answer.get("outputs", ()):
        if output["name"] == "probabilities":
            output["data"][0] = math.nan
    for choice in answer.get("choices", ()):
        text = (choice.get("message") or choice["delta"]).get("content", "")
        choice["logprobs"] = {"content": [{"token": text, "logprob": math.nan, "bytes": None, "top_logprobs": []}]}


DEFECT = Defect(
    title="successful answers hold a bare NaN",
    caught_by="ai-suite/smoke/test_answer.py::test_valid",
    wrap=lambda app: change_answers(app, _spoil),
)
