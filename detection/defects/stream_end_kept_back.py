"""The detokenizer keeps characters of several bytes back until an ASCII one comes, and sends none at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from starlette.types import ASGIApp

from detection.change_answer import format_event, parse_event
from detection.change_request import list_messages, replace_events
from detection.switch import CHAT, Defect


def _begin() -> Callable[[bytes], Iterable[bytes]]:
    held_text = ""

    def replace(event: bytes) -> Iterable[bytes]:
        nonlocal held_text
        chunk = parse_event(event)
        for delta in list_messages(chunk or {}):
            if not delta.get("content"):
                continue
            text = held_text + delta["content"]
            shown = len(text)
            while shown and not text[shown - 1].isascii():
                shown -= 1
            delta["content"], held_text = text[:shown], text[shown:]
        return [format_event(chunk) if chunk else event]

    return replace


def _wrap(app: ASGIApp) -> ASGIApp:
    return replace_events(app, _begin)


DEFECT = Defect(
    title="streamed, a text that ends in other letters than ASCII loses this end",
    caught_by="ai-suite/integration/test_unicode.py::test_text_kept",
    protocols=(CHAT,),
    wrap=_wrap,
)
