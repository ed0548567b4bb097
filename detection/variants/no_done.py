"""Streams end with their finish reason and a clean end, and no `[DONE]` (transformers serve)."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.types import ASGIApp

from detection.change_answer import parse_event
from detection.change_request import replace_events
from detection.switch import CHAT, Variant


def _undone(event: bytes) -> Iterable[bytes]:
    return [] if parse_event(event) is None else [event]


def _wrap(app: ASGIApp) -> ASGIApp:
    return replace_events(app, lambda: _undone)


VARIANT = Variant(name="no_done", title="streams end without [DONE]", protocols=(CHAT,), wrap=_wrap)
