"""Streamed, a tool is called although tool_choice is none (vLLM #42747)."""

from __future__ import annotations

from detection.change_request import Object, change_requests
from detection.switch import CHAT, Defect


def _change(request: Object) -> None:
    if request.get("stream") and request.get("tool_choice") == "none":
        request["tool_choice"] = "required"


DEFECT = Defect(
    title="streamed, tool_choice none is ignored",
    caught_by="ai-suite/integration/test_tools.py::test_not_called",
    protocols=(CHAT,),
    promises={"tools": True},
    wrap=lambda app: change_requests(app, _change),
)
