"""An answer that calls a tool says `stop`, so that agents think it done (OpenVINO Model Server #3927)."""

from __future__ import annotations

from typing import Any

from detection.change_answer import change_answers
from detection.switch import CHAT, Defect


def _stop(answer: dict[str, Any]) -> None:
    for choice in answer.get("choices", ()):
        if choice.get("finish_reason") == "tool_calls":
            choice["finish_reason"] = "stop"


DEFECT = Defect(
    title="an answer that calls a tool ends with finish_reason stop",
    caught_by="ai-suite/integration/test_tools.py::test_call_ending",
    protocols=(CHAT,),
    promises={"tools": True},
    wrap=lambda app: change_answers(app, _stop),
)
