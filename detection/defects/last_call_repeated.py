"""A call that is required later in a conversation is the first one once more."""

from __future__ import annotations

from copy import deepcopy

from detection.change_request import Object, change_pairs, list_messages
from detection.switch import CHAT, Defect


def _change(request: Object, answer: Object) -> None:
    messages = request.get("messages")
    turns = messages if isinstance(messages, list) else []
    earlier = [turn["tool_calls"] for turn in turns if isinstance(turn, dict) and turn.get("tool_calls")]
    for holder in list_messages(answer):
        if earlier and holder.get("tool_calls"):
            holder["tool_calls"] = deepcopy(earlier[0])


DEFECT = Defect(
    title="a later required call repeats the first one of the conversation",
    caught_by="ai-suite/integration/test_tools.py::test_goes_on",
    protocols=(CHAT,),
    promises={"tools": True},
    wrap=lambda app: change_pairs(app, _change),
)
