"""JSON is labelled `text/plain`, and some clients then refuse to read it as JSON."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message

from detection.change_request import change_heads
from detection.switch import Defect


def _label(start: Message, headers: MutableHeaders) -> None:
    if headers.get("content-type") == "application/json":
        headers["content-type"] = "text/plain; charset=utf-8"


def _wrap(app: ASGIApp) -> ASGIApp:
    return change_heads(app, _label)


DEFECT = Defect(
    name="json_labelled_as_text",
    title="JSON is labelled text/plain",
    caught_by="ai-suite/smoke/test_answer.py::test_headers",
    wrap=_wrap,
)
