"""Calls come as words in the text, and no client can act on them (llama.cpp without `--jinja`)."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.moved_calls import move_calls
from detection.switch import CHAT, Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    return move_calls(app, "content")


DEFECT = Defect(
    name="tool_call_as_text",
    title="a call of a tool is words in the text",
    caught_by="ai-suite/integration/test_tools.py::test_called",
    protocols=(CHAT,),
    wrap=_wrap,
    promises={"tools": True},
)
