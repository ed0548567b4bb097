"""An option is read by its truth: the text "false" is not empty, and switches thinking on (Qwen on vLLM)."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.switch import CHAT, Defect
from detection.thinking import read_switch, think_where


def _wrap(app: ASGIApp) -> ASGIApp:
    return think_where(app, lambda request: isinstance(read_switch(request), str))


DEFECT = Defect(
    name="thinking_switched_on_by_text",
    title='`enable_thinking` as the text "false" switches thinking on',
    caught_by="ai-suite/integration/test_written_text.py::test_reasoning_promised",
    protocols=(CHAT,),
    wrap=_wrap,
    promises={"reasoning": "off"},
)
