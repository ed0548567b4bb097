"""The answer says that it is gzip, and is not: a proxy that unpacked it left the header."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import Message

from detection.change_request import change_heads
from detection.switch import Defect


def _label(start: Message, headers: MutableHeaders) -> None:
    headers["content-encoding"] = "gzip"


DEFECT = Defect(
    title="answers are labelled gzip and are not",
    caught_by="ai-suite/smoke/test_answer.py::test_valid",
    wrap=lambda app: change_heads(app, _label),
)
