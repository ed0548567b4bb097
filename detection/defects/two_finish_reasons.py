"""The finish reason comes with the last text and again alone (SGLang #8417)."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.types import ASGIApp

from detection.change_answer import parse_event
from detection.change_request import replace_events
from detection.switch import CHAT, Defect


def _twice(event: bytes) -> Iterable[bytes]:
    chunk = parse_event(event)
    return [event] * (2 if chunk and any(choice.get("finish_reason") for choice in chunk["choices"]) else 1)


def _wrap(app: ASGIApp) -> ASGIApp:
    return replace_events(app, lambda: _twice)


DEFECT = Defect(
    name="two_finish_reasons",
    title="streams send their finish reason twice",
    caught_by="ai-suite/smoke/test_stream.py::test_complete",
    protocols=(CHAT,),
    wrap=_wrap,
)
