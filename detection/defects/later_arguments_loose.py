"""The grammar of the arguments holds for the first call of a conversation only."""

from __future__ import annotations

from detection.change_request import Object, change_pairs, list_messages, list_roles
from detection.switch import CHAT, Defect


def _change(request: Object, answer: Object) -> None:
    if "tool" not in list_roles(request):
        return
    for holder in list_messages(answer):
        for call in holder.get("tool_calls") or ():
            call["function"]["arguments"] = '{"query": 1}'


DEFECT = Defect(
    title="the arguments of later calls in a conversation do not obey their schema",
    caught_by="ai-suite/integration/test_tools.py::test_goes_on",
    protocols=(CHAT,),
    promises={"tools": True},
    wrap=lambda app: change_pairs(app, _change),
)
