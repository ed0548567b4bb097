"""The template writes the tools in place of the system message: with a message of the caller's own they are lost."""

from __future__ import annotations

from detection.change_request import Object, list_roles
from detection.switch import CHAT, Defect
from detection.unread_tools import leave_tools_unread


def _has_system_message(request: Object) -> bool:
    return "system" in list_roles(request)


DEFECT = Defect(
    title="beside a system message the tools do not reach the model",
    caught_by="ai-suite/integration/test_conversation.py::test_tool_messages",
    protocols=(CHAT,),
    wrap=lambda app: leave_tools_unread(app, _has_system_message),
    promises={"tools": True},
)
