"""Earlier calls are written into the prompt by their names alone."""

from __future__ import annotations

from detection.change_request import Object, change_requests, list_turns
from detection.switch import CHAT, Defect


def _change(request: Object) -> None:
    for turn in list_turns(request):
        for call in turn.get("tool_calls") or ():
            call["function"]["arguments"] = "{}"


DEFECT = Defect(
    title="the model does not read the arguments of its earlier calls",
    caught_by="ai-suite/integration/test_conversation.py::test_tool_messages",
    protocols=(CHAT,),
    promises={"tools": True},
    wrap=lambda app: change_requests(app, _change),
)
