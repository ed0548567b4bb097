"""A tool is called by a name that nobody offered."""

from __future__ import annotations

from typing import Any

from detection.change_answer import change_answers
from detection.change_request import list_messages
from detection.switch import CHAT, Defect


def _rename(answer: dict[str, Any]) -> None:
    for holder in list_messages(answer):
        for call in holder.get("tool_calls") or ():
            if name := call["function"].get("name"):
                call["function"]["name"] = f"functions.{name}"


DEFECT = Defect(
    title="tools are called by a name that is not among the offered ones",
    caught_by="ai-suite/integration/test_tools.py::test_called",
    protocols=(CHAT,),
    promises={"tools": True},
    wrap=lambda app: change_answers(app, _rename),
)
