"""Thinking is off by the server's default alone: each caller can switch it on."""

from __future__ import annotations

from detection.switch import CHAT, Defect
from detection.thinking import read_switch, think_where

DEFECT = Defect(
    title="a caller switches thinking on, though it is promised to be off",
    caught_by="ai-suite/integration/test_written_text.py::test_reasoning_promised",
    protocols=(CHAT,),
    wrap=lambda app: think_where(app, lambda request: read_switch(request) is True),
    promises={"reasoning": "off"},
)
