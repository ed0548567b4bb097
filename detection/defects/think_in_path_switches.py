"""`/no_think` and `/think` anywhere in a message are taken out of it: a path that holds one loses a part."""

from __future__ import annotations

from typing import Any

from detection.change_request import change_requests
from detection.switch import CHAT, Defect


def _take_out(request: dict[str, Any]) -> None:
    for message in request.get("messages") or ():
        if isinstance(message, dict) and isinstance(message.get("content"), str):
            message["content"] = message["content"].replace("/no_think", "").replace("/think", "")


DEFECT = Defect(
    title="switches of thinking are taken out of messages, wherever they stand",
    caught_by="ai-suite/integration/test_written_text.py::test_template_texts_kept",
    protocols=(CHAT,),
    wrap=lambda app: change_requests(app, _take_out),
)
