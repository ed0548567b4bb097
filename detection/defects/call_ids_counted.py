"""Ids of calls are counted from zero in each answer."""

from __future__ import annotations

from functools import partial

from detection.change_answer import change_answers
from detection.change_request import Object, list_messages
from detection.switch import CHAT, Defect


def _count_ids(answer: Object) -> None:
    for holder in list_messages(answer):
        for place, call in enumerate(holder.get("tool_calls") or ()):
            if "id" in call:
                call["id"] = f"call_{call.get('index', place)}"


DEFECT = Defect(
    title="the calls of each answer have the ids call_0, call_1, ...",
    caught_by="ai-suite/integration/test_ids.py::test_call_ids_differ",
    protocols=(CHAT,),
    promises={"tools": True},
    wrap=partial(change_answers, change=_count_ids),
)
