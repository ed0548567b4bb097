"""Every answer says `connection: close`, as servers without keep-alive do."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import Message

from detection.change_request import change_heads
from detection.switch import Variant


def _close(start: Message, headers: MutableHeaders) -> None:
    headers["connection"] = "close"


VARIANT = Variant(title="the connection is closed after every inference", wrap=lambda app: change_heads(app, _close))
