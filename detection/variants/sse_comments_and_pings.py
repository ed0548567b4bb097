"""Streams hold comments, pings and fields of the event-stream format other than `data` (WHATWG HTML, section 9.2)."""

from __future__ import annotations

from collections.abc import Iterable

from detection.change_request import replace_each_event
from detection.switch import CHAT, Variant


def _ping(event: bytes) -> Iterable[bytes]:
    return [b": ping\n\n", b"id: 7\nretry: 3000\n", event]


VARIANT = Variant(
    title="streams hold comments, pings, ids and retry times",
    protocols=(CHAT,),
    wrap=lambda app: replace_each_event(app, _ping),
)
