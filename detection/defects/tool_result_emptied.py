"""The template writes that a tool has answered, and not what."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.change_request import Object, change_requests, list_turns
from detection.switch import CHAT, Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    def change(request: Object) -> None:
        for turn in list_turns(request):
            if turn.get("role") == "tool":
                turn["content"] = ""

    return change_requests(app, change)


DEFECT = Defect(
    name="tool_result_emptied",
    title="what a tool gave back is empty when the model reads it",
    caught_by="ai-suite/integration/test_conversation.py::test_tool_messages",
    protocols=(CHAT,),
    promises={"tools": True},
    wrap=_wrap,
)
