"""Streams hold comments, pings and fields of the event-stream format other than `data` (WHATWG HTML, section 9.2)."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.types import ASGIApp

from detection.change_request import replace_events
from detection.switch import CHAT, Variant


def _ping(event: bytes) -> Iterable[bytes]:
    return [b": ping\n\n", b"id: 7\nretry: 3000\n", event]


def _wrap(app: ASGIApp) -> ASGIApp:
    return replace_events(app, lambda: _ping)


VARIANT = Variant(
    name="sse_comments_and_pings",
    title="streams hold comments, pings, ids and retry times",
    protocols=(CHAT,),
    wrap=_wrap,
)
