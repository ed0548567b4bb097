"""Thinking is off by the server's default alone: each caller can switch it on."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.switch import CHAT, Defect
from detection.thinking import read_switch, think_where


def _wrap(app: ASGIApp) -> ASGIApp:
    return think_where(app, lambda request: read_switch(request) is True)


DEFECT = Defect(
    name="thinking_by_caller",
    title="a caller switches thinking on, though it is promised to be off",
    caught_by="ai-suite/integration/test_written_text.py::test_reasoning_promised",
    protocols=(CHAT,),
    wrap=_wrap,
    promises={"reasoning": "off"},
)
