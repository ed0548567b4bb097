"""Where an earlier answer calls a tool, its reasoning is read under the new name only."""

from __future__ import annotations

from detection.change_request import Object, change_requests, list_turns
from detection.switch import CHAT, Defect


def _change(request: Object) -> None:
    for turn in list_turns(request):
        if turn.get("tool_calls"):
            turn.pop("reasoning_content", None)


DEFECT = Defect(
    title="of an answer with calls the reasoning is not read under its older name",
    caught_by="ai-suite/integration/test_conversation.py::test_reasoning",
    protocols=(CHAT,),
    promises={"tools": True},
    wrap=lambda app: change_requests(app, _change),
)
