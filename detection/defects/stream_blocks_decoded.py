"""A relay decodes the text of a stream in blocks of 512 bytes: characters at their edges become U+FFFD (aisix #111)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from starlette.types import ASGIApp

from detection.change_answer import format_event, parse_event
from detection.change_request import list_messages, replace_events
from detection.switch import CHAT, Defect

_BLOCK = 512


def _count_bytes() -> Callable[[bytes], Iterable[bytes]]:
    passed = 0

    def replace(event: bytes) -> Iterable[bytes]:
        nonlocal passed
        chunk = parse_event(event)
        for delta in list_messages(chunk or {}):
            characters = []
            for character in delta.get("content") or "":
                end = passed + len(character.encode())
                is_cut = passed // _BLOCK < (end - 1) // _BLOCK
                characters.append("\N{REPLACEMENT CHARACTER}" if is_cut else character)
                passed = end
            delta["content"] = "".join(characters)
        return [format_event(chunk) if chunk else event]

    return replace


def _wrap(app: ASGIApp) -> ASGIApp:
    return replace_events(app, _count_bytes)


DEFECT = Defect(
    title="in long streams, a character at the edge of a block becomes U+FFFD",
    caught_by="ai-suite/integration/test_unicode.py::test_text_kept",
    protocols=(CHAT,),
    wrap=_wrap,
)
