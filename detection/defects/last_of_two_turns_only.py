"""Messages of the user in a row are made one by keeping the last one, for a template in which the roles alternate."""

from __future__ import annotations

from detection.change_request import Object, change_requests, keep_last_of_rows
from detection.switch import CHAT, Defect


def _change(request: Object) -> None:
    keep_last_of_rows(request, "user")


DEFECT = Defect(
    title="of two messages of the user in a row only the last one reaches the model",
    caught_by="ai-suite/integration/test_conversation.py::test_messages",
    protocols=(CHAT,),
    wrap=lambda app: change_requests(app, _change),
)
