"""The request id is made once, when the service starts: all answers carry the same one."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import Message

from detection.change_request import change_heads
from detection.switch import Defect


def _stamp(start: Message, headers: MutableHeaders) -> None:
    headers["x-request-id"] = "0b2f6a8c5d1e4f37"


DEFECT = Defect(
    title="every answer carries the same request id",
    caught_by="ai-suite/integration/test_trace.py::test_request_id",
    promises={"request_id": "x-request-id"},
    outside=lambda app: change_heads(app, _stamp),
)
