"""The template writes a content of parts as the list that it is in Python."""

from __future__ import annotations

from detection.change_request import Object, change_requests
from detection.switch import CHAT, Defect


def _write_lists(request: Object) -> None:
    for message in request.get("messages") or ():
        if isinstance(message, dict) and isinstance(message.get("content"), list):
            message["content"] = str(message["content"])


DEFECT = Defect(
    title="a content of parts reaches the model as a list in Python's spelling",
    caught_by="ai-suite/integration/test_parameters.py::test_spellings",
    protocols=(CHAT,),
    wrap=lambda app: change_requests(app, _write_lists),
)
