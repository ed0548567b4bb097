"""A parser takes out the opening tag of an empty block of thinking, and not the closing one."""

from __future__ import annotations

from typing import Any

from detection.change_answer import change_answers
from detection.change_request import list_messages
from detection.switch import CHAT, Defect


def _add_tag(answer: dict[str, Any]) -> None:
    for holder in list_messages(answer):
        if holder.get("role") and holder.get("content") is not None:
            holder["content"] = "</think>\n\n" + holder["content"]


DEFECT = Defect(
    title="texts begin with the closing tag of thinking",
    caught_by="ai-suite/integration/test_written_text.py::test_no_template_marks",
    protocols=(CHAT,),
    wrap=lambda app: change_answers(app, _add_tag),
)
