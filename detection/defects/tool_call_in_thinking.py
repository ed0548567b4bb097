"""The model calls a tool before it ends its thinking, and the parser takes the call for thoughts (Qwen)."""

from __future__ import annotations

from detection.moved_calls import move_calls
from detection.switch import CHAT, Defect

DEFECT = Defect(
    title="a call of a tool is left in the thinking",
    caught_by="ai-suite/integration/test_tools.py::test_called",
    protocols=(CHAT,),
    wrap=lambda app: move_calls(app, "reasoning_content", "<tool_call>"),
    promises={"tools": True},
)
