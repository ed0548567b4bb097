"""An option is read by its truth: the text "false" is not empty, and switches thinking on (Qwen on vLLM)."""

from __future__ import annotations

from detection.switch import CHAT, Defect
from detection.thinking import read_switch, think_where

DEFECT = Defect(
    title='`enable_thinking` as the text "false" switches thinking on',
    caught_by="ai-suite/integration/test_written_text.py::test_reasoning_promised",
    protocols=(CHAT,),
    wrap=lambda app: think_where(app, lambda request: isinstance(read_switch(request), str)),
    promises={"reasoning": "off"},
)
