"""Text comes after the finish reason: two tasks write to one stream, and nobody waits for the slower one."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from detection.change_answer import parse_event
from detection.change_request import list_messages, replace_events
from detection.switch import CHAT, Defect


def _begin() -> Callable[[bytes], Iterable[bytes]]:
    late: list[bytes] = []

    def replace(event: bytes) -> Iterable[bytes]:
        chunk = parse_event(event)
        if chunk and any(delta.get("content") for delta in list_messages(chunk)):
            late.append(event)
            return [late.pop(0)] if len(late) > 1 else []
        if chunk and any(choice.get("finish_reason") for choice in chunk["choices"]):
            return [event, *late]
        return [event]

    return replace


DEFECT = Defect(
    title="the last piece of a stream comes after the finish reason",
    caught_by="ai-suite/smoke/test_stream.py::test_complete",
    protocols=(CHAT,),
    wrap=lambda app: replace_events(app, _begin),
)
