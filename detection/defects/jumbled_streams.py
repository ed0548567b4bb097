"""Streams side by side exchange pieces of text (vLLM #13186: jumbled tokens in concurrent streams)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from starlette.types import ASGIApp

from detection.change_answer import format_event, parse_event
from detection.change_request import list_messages, replace_events
from detection.switch import CHAT, Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    last: tuple[object, str] | None = None
    """The stream that spoke last, and what it said; None when it has ended."""

    def begin() -> Callable[[bytes], Iterable[bytes]]:
        me = object()

        def replace(event: bytes) -> Iterable[bytes]:
            nonlocal last
            chunk = parse_event(event)
            if chunk is None:
                last = None
                return [event]
            for delta in list_messages(chunk):
                if text := delta.get("content"):
                    if last is not None and last[0] is not me:
                        delta["content"] = last[1]
                    last = me, text
            return [format_event(chunk)]

        return replace

    return replace_events(app, begin)


DEFECT = Defect(
    title="a stream takes pieces of text from the streams beside it",
    caught_by="ai-suite/integration/test_concurrent.py::test_own_streams",
    protocols=(CHAT,),
    wrap=_wrap,
)
