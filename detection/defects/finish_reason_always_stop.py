"""The finish reason is hard-coded: an answer cut by `max_tokens` says that it came to its own end (FastFlowLM #728)."""

from __future__ import annotations

from typing import Any

from detection.change_answer import change_answers
from detection.switch import CHAT, Defect


def _stop(answer: dict[str, Any]) -> None:
    for choice in answer.get("choices", ()):
        if choice.get("finish_reason") == "length":
            choice["finish_reason"] = "stop"


DEFECT = Defect(
    title="an answer that was cut by max_tokens says that it ended by itself",
    caught_by="ai-suite/integration/test_parameters.py::test_ending",
    protocols=(CHAT,),
    wrap=lambda app: change_answers(app, _stop),
)
