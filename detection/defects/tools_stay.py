"""The tools of a conversation are kept by the worker, and stand in the prompts of the conversations after it."""

from __future__ import annotations

from typing import Any

from starlette.types import ASGIApp

from detection.change_request import Object, change_requests
from detection.switch import CHAT, Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    last_tools: list[Any] = []

    def change(request: Object) -> None:
        if request.get("tools"):
            last_tools[:] = request["tools"]
        elif last_tools and "messages" in request:
            request.update(tools=[*last_tools], tool_choice="none")

    return change_requests(app, change)


DEFECT = Defect(
    name="tools_stay",
    title="the tools of a request stand in the prompts of later ones",
    caught_by="ai-suite/integration/test_left_options.py::test_options_end",
    protocols=(CHAT,),
    promises={"tools": True},
    wrap=_wrap,
)
