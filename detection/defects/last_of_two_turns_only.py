"""Messages of the user in a row are made one by keeping the last one, for a template in which the roles alternate."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.change_request import Object, change_requests, keep_last_of_rows
from detection.switch import CHAT, Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    def change(request: Object) -> None:
        keep_last_of_rows(request, "user")

    return change_requests(app, change)


DEFECT = Defect(
    name="last_of_two_turns_only",
    title="of two messages of the user in a row only the last one reaches the model",
    caught_by="ai-suite/integration/test_conversation.py::test_messages",
    protocols=(CHAT,),
    wrap=_wrap,
)
