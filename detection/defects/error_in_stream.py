"""A failure in mid-stream comes as an object inside a stream of status 200, which then ends (llama.cpp #14566)."""

from __future__ import annotations

from detection.change_answer import change_events, format_event, parse_event
from detection.switch import CHAT, Defect

_SENT = 3
_ERROR = {"error": {"message": "the engine has died", "type": "server_error", "code": 500}}


def _fail(index: int, event: bytes) -> bytes | None:
    if parse_event(event) is None:
        return event
    return event if index < _SENT else format_event(_ERROR) if index == _SENT else b""


DEFECT = Defect(
    title="streams break off with an error object, and end with [DONE]",
    caught_by="ai-suite/smoke/test_stream.py::test_complete",
    protocols=(CHAT,),
    wrap=lambda app: change_events(app, _fail),
)
