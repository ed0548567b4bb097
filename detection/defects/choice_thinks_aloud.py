"""Streamed, all choices share one parser of thinking: the second's thinking ends in its text (vLLM #38526)."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.change_answer import change_answers
from detection.change_request import Object
from detection.switch import CHAT, Defect
from detection.thinking import think_where


def _has_choices(request: Object) -> bool:
    return (request.get("n") or 1) > 1


def _end_in_text(answer: Object) -> None:
    if answer.get("object") != "chat.completion.chunk":
        return
    for choice in answer.get("choices", ()):
        delta = choice["delta"]
        if choice["index"] and "reasoning_content" in delta:
            delta["content"] = f"so.</think>{delta.get('content') or ''}"


def _wrap(app: ASGIApp) -> ASGIApp:
    return change_answers(think_where(app, _has_choices), _end_in_text)


DEFECT = Defect(
    title="streamed, a second choice's text begins with the end of its thinking",
    caught_by="ai-suite/integration/test_written_text.py::test_no_template_marks",
    protocols=(CHAT,),
    promises={"choices": True},
    wrap=_wrap,
)
