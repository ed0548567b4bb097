"""Streamed, a tool is called although tool_choice is none (vLLM #42747)."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.change_request import Object, change_requests
from detection.switch import CHAT, Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    def change(request: Object) -> None:
        if request.get("stream") and request.get("tool_choice") == "none":
            request["tool_choice"] = "required"

    return change_requests(app, change)


DEFECT = Defect(
    name="tool_called_streamed",
    title="streamed, tool_choice none is ignored",
    caught_by="ai-suite/integration/test_tools.py::test_not_called",
    protocols=(CHAT,),
    promises={"tools": True},
    wrap=_wrap,
)
