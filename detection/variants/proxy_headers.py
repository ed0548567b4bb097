"""Headers that proxies add: via, age, a server without a version, cookies, and one of 4 KiB."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import Message

from detection.change_request import change_heads
from detection.switch import Variant


def _add(start: Message, headers: MutableHeaders) -> None:
    headers["via"] = "1.1 edge"
    headers["age"] = "0"
    headers["server"] = "edge"
    headers["x-trace"] = "0123456789abcdef" * 256
    headers.append("set-cookie", "a=1; Path=/")
    headers.append("set-cookie", "b=2; Path=/")


VARIANT = Variant(title="answers carry the headers of a proxy, cookies twice", wrap=lambda app: change_heads(app, _add))
