"""JSON is labelled `text/plain`, and some clients then refuse to read it as JSON."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import Message

from detection.change_request import change_heads
from detection.switch import Defect


def _label(start: Message, headers: MutableHeaders) -> None:
    if headers.get("content-type") == "application/json":
        headers["content-type"] = "text/plain; charset=utf-8"


DEFECT = Defect(
    title="JSON is labelled text/plain",
    caught_by="ai-suite/smoke/test_answer.py::test_headers",
    wrap=lambda app: change_heads(app, _label),
)
