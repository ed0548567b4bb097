"""Calls come as words in the text, and no client can act on them (llama.cpp without `--jinja`)."""

from __future__ import annotations

from detection.moved_calls import move_calls
from detection.switch import CHAT, Defect

DEFECT = Defect(
    title="a call of a tool is words in the text",
    caught_by="ai-suite/integration/test_tools.py::test_called",
    protocols=(CHAT,),
    wrap=lambda app: move_calls(app, "content"),
    promises={"tools": True},
)
