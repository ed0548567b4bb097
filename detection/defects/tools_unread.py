"""The engine's template cannot write the tools: the model calls them without having read what they are."""

from __future__ import annotations

from detection.switch import CHAT, Defect
from detection.unread_tools import leave_tools_unread

DEFECT = Defect(
    title="the tools of a request do not reach the model",
    caught_by="ai-suite/integration/test_tools.py::test_usage_beside_tools",
    protocols=(CHAT,),
    wrap=leave_tools_unread,
    promises={"tools": True},
)
