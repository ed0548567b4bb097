"""Who is over the limit is told so, and not when to come again."""

from __future__ import annotations

from dataclasses import replace

from starlette.datastructures import MutableHeaders
from starlette.types import Message

from detection.change_request import change_heads
from detection.switch import Defect

_LIMIT = 40


def _forget(start: Message, headers: MutableHeaders) -> None:
    del headers["retry-after"]


DEFECT = Defect(
    title="429 comes without Retry-After",
    caught_by="ai-suite/integration/test_rate_limit.py::test_declined",
    promises={"rate_limit": _LIMIT},
    configure=lambda settings: replace(settings, rate_limit=_LIMIT),
    outside=lambda app: change_heads(app, _forget),
)
