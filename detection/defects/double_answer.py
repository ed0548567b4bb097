"""Every piece of a stream is sent twice: two writers on one channel."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.types import ASGIApp

from detection.change_answer import parse_event
from detection.change_request import list_messages, replace_events
from detection.switch import CHAT, Defect


def _twice(event: bytes) -> Iterable[bytes]:
    chunk = parse_event(event)
    return [event] * (2 if chunk and any(delta.get("content") for delta in list_messages(chunk)) else 1)


def _wrap(app: ASGIApp) -> ASGIApp:
    return replace_events(app, lambda: _twice)


DEFECT = Defect(
    name="double_answer",
    title="streams send every piece of text twice",
    caught_by="ai-suite/smoke/test_stream.py::test_same_text",
    protocols=(CHAT,),
    promises={"deterministic": True},
    wrap=_wrap,
)
