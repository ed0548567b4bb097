"""The template writes the tools before the last message if that is the user's: after a result no more are known."""

from __future__ import annotations

from detection.change_request import Object, list_roles
from detection.switch import CHAT, Defect
from detection.unread_tools import leave_tools_unread


def _has_result(request: Object) -> bool:
    return "tool" in list_roles(request)


DEFECT = Defect(
    title="once a conversation has the result of a tool, its tools do not reach the model",
    caught_by="ai-suite/integration/test_conversation.py::test_tool_messages",
    protocols=(CHAT,),
    wrap=lambda app: leave_tools_unread(app, _has_result),
    promises={"tools": True},
)
