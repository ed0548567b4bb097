"""A short answer never closes the block of thinking that the template opened: all of it is filed as thinking."""

from __future__ import annotations

from typing import Any

from detection.change_answer import change_answers
from detection.switch import CHAT, Defect

_LONGEST = 60


def _move(answer: dict[str, Any]) -> None:
    for choice in answer.get("choices", ()):
        message = choice.get("message") or {}
        if choice.get("finish_reason") == "stop" and 0 < len(message.get("content") or "") <= _LONGEST:
            message["reasoning_content"], message["content"] = message["content"], None


DEFECT = Defect(
    title="a short answer is filed as thinking, and the text is empty",
    caught_by="ai-suite/smoke/test_answer.py::test_valid",
    protocols=(CHAT,),
    wrap=lambda app: change_answers(app, _move),
)
