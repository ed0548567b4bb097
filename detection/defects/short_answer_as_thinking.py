"""A short answer never closes the block of thinking that the template opened: all of it is filed as thinking."""

from __future__ import annotations

from typing import Any

from starlette.types import ASGIApp

from detection.change_answer import change_answers
from detection.switch import CHAT, Defect

_LONGEST = 60


def _move(answer: dict[str, Any]) -> None:
    for choice in answer.get("choices", ()):
        message = choice.get("message") or {}
        if choice.get("finish_reason") == "stop" and 0 < len(message.get("content") or "") <= _LONGEST:
            message["reasoning_content"], message["content"] = message["content"], None


def _wrap(app: ASGIApp) -> ASGIApp:
    return change_answers(app, _move)


DEFECT = Defect(
    name="short_answer_as_thinking",
    title="a short answer is filed as thinking, and the text is empty",
    caught_by="ai-suite/smoke/test_answer.py::test_valid",
    protocols=(CHAT,),
    wrap=_wrap,
)
