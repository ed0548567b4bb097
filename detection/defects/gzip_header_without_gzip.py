"""The answer says that it is gzip, and is not: a proxy that unpacked it left the header."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message

from detection.change_request import change_heads
from detection.switch import Defect


def _label(start: Message, headers: MutableHeaders) -> None:
    headers["content-encoding"] = "gzip"


def _wrap(app: ASGIApp) -> ASGIApp:
    return change_heads(app, _label)


DEFECT = Defect(
    name="gzip_header_without_gzip",
    title="answers are labelled gzip and are not",
    caught_by="ai-suite/smoke/test_answer.py::test_valid",
    wrap=_wrap,
)
