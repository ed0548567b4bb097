"""Lines of a stream end with CR LF, and no blank stands after `data:` (WHATWG HTML, section 9.2 allows both)."""

from __future__ import annotations

from collections.abc import Iterable

from detection.change_request import replace_each_event
from detection.switch import CHAT, Variant


def _crlf(event: bytes) -> Iterable[bytes]:
    return [event.replace(b"data: ", b"data:", 1).replace(b"\n", b"\r\n")]


VARIANT = Variant(
    title="lines of streams end with CR LF, without a blank after data:",
    protocols=(CHAT,),
    wrap=lambda app: replace_each_event(app, _crlf),
)
