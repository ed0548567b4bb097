"""The template for tools writes text alone: content that is a list of parts is left out of the prompt."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.change_request import Object, change_requests
from detection.switch import CHAT, Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    def change(request: Object) -> None:
        for message in request.get("messages") or () if request.get("tools") else ():
            if isinstance(message.get("content"), list):
                message["content"] = ""

    return change_requests(app, change)


DEFECT = Defect(
    name="parts_dropped_beside_tools",
    title="beside tools, content that is a list of parts is lost",
    caught_by="ai-suite/integration/test_combinations.py::test_combinations",
    protocols=(CHAT,),
    promises={"tools": True},
    wrap=_wrap,
)
