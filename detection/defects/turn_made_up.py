"""The mark that ends a turn is not among the stops: an answer goes on with a turn of the user and the answer to it."""

from __future__ import annotations

from typing import Any

from starlette.types import ASGIApp

from detection.change_answer import change_answers
from detection.switch import CHAT, Defect

_MORE = "\nUser: Thank you!\nAssistant: You are welcome."


def _wrap(app: ASGIApp) -> ASGIApp:
    def go_on(answer: dict[str, Any]) -> None:
        for choice in answer.get("choices", ()):
            holder = choice.get("message") or choice.get("delta")
            if choice.get("finish_reason") == "stop" and holder is not None:
                holder["content"] = (holder.get("content") or "") + _MORE

    return change_answers(app, go_on)


DEFECT = Defect(
    name="turn_made_up",
    title="answers that end by themselves go on with a made-up turn of the user",
    caught_by="ai-suite/integration/test_written_text.py::test_no_template_marks",
    protocols=(CHAT,),
    wrap=_wrap,
)
