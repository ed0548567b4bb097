"""Of a message only a content that is a plain text reaches the model; one of parts is empty."""

from __future__ import annotations

from detection.change_request import Object, change_requests
from detection.switch import CHAT, Defect


def _change(request: Object) -> None:
    messages = request.get("messages")
    for message in messages if isinstance(messages, list) else ():
        if isinstance(message, dict) and isinstance(message.get("content"), list):
            message["content"] = "."


DEFECT = Defect(
    title="a content of parts does not reach the model",
    caught_by="ai-suite/integration/test_parameters.py::test_spellings",
    protocols=(CHAT,),
    wrap=lambda app: change_requests(app, _change),
)
