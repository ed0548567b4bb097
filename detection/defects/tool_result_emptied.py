"""The template writes that a tool has answered, and not what."""

from __future__ import annotations

from detection.change_request import Object, change_requests, list_turns
from detection.switch import CHAT, Defect


def _change(request: Object) -> None:
    for turn in list_turns(request):
        if turn.get("role") == "tool":
            turn["content"] = ""


DEFECT = Defect(
    title="what a tool gave back is empty when the model reads it",
    caught_by="ai-suite/integration/test_conversation.py::test_tool_messages",
    protocols=(CHAT,),
    promises={"tools": True},
    wrap=lambda app: change_requests(app, _change),
)
