"""Streams end with their finish reason and a clean end, and no `[DONE]` (transformers serve)."""

from __future__ import annotations

from collections.abc import Iterable

from detection.change_answer import parse_event
from detection.change_request import replace_each_event
from detection.switch import CHAT, Variant


def _undone(event: bytes) -> Iterable[bytes]:
    return [] if parse_event(event) is None else [event]


VARIANT = Variant(
    title="streams end without [DONE]", protocols=(CHAT,), wrap=lambda app: replace_each_event(app, _undone)
)
