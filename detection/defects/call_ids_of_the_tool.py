"""Every call of a tool has the tool's name as its id, so that two calls of one tool share an id."""

from __future__ import annotations

from functools import partial

from detection.change_answer import change_answers
from detection.change_request import Object, list_messages
from detection.switch import CHAT, Defect


def _name_calls(answer: Object) -> None:
    for holder in list_messages(answer):
        for call in holder.get("tool_calls") or ():
            if "id" in call:
                call["id"] = call["function"]["name"]


DEFECT = Defect(
    title="the id of a call is the name of its tool",
    caught_by="ai-suite/integration/test_ids.py::test_call_ids_differ",
    protocols=(CHAT,),
    promises={"tools": True},
    wrap=partial(change_answers, change=_name_calls),
)
