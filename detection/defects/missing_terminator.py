"""A stream that breaks off as if it were complete: no finish reason, no `[DONE]`, yet a clean end of the HTTP body."""

from __future__ import annotations

from detection.change_answer import change_events, parse_event
from detection.switch import CHAT, Defect


def _until_finish(index: int, event: bytes) -> bytes | None:
    chunk = parse_event(event)
    finished = chunk is None or any(choice["finish_reason"] for choice in chunk["choices"])
    return None if finished else event


DEFECT = Defect(
    title="streams end after the last text, without a finish reason and without [DONE]",
    caught_by="ai-suite/smoke/test_stream.py::test_complete",
    protocols=(CHAT,),
    wrap=lambda app: change_events(app, _until_finish),
)
