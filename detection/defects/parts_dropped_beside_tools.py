"""The template for tools writes text alone: content that is a list of parts is left out of the prompt."""

from __future__ import annotations

from detection.change_request import Object, change_requests
from detection.switch import CHAT, Defect


def _change(request: Object) -> None:
    for message in request.get("messages") or () if request.get("tools") else ():
        if isinstance(message.get("content"), list):
            message["content"] = ""


DEFECT = Defect(
    title="beside tools, content that is a list of parts is lost",
    caught_by="ai-suite/integration/test_combinations.py::test_combinations",
    protocols=(CHAT,),
    promises={"tools": True},
    wrap=lambda app: change_requests(app, _change),
)
