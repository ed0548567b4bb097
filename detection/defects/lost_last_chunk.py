"""The last piece of text is still in a buffer when the end is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from detection.change_answer import parse_event
from detection.change_request import list_messages, replace_events
from detection.switch import CHAT, Defect


def _begin() -> Callable[[bytes], Iterable[bytes]]:
    buffer: list[bytes] = []

    def replace(event: bytes) -> Iterable[bytes]:
        chunk = parse_event(event)
        if chunk and any(delta.get("content") for delta in list_messages(chunk)):
            buffer.append(event)
            return [buffer.pop(0)] if len(buffer) > 1 else []
        return [event]

    return replace


DEFECT = Defect(
    title="streams lack their last piece of text, and are declared complete",
    caught_by="ai-suite/smoke/test_stream.py::test_same_text",
    protocols=(CHAT,),
    promises={"deterministic": True},
    wrap=lambda app: replace_events(app, _begin),
)
