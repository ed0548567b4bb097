"""Streams end with their finish reason and a clean end, and no `[DONE]` (transformers serve)."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.types import ASGIApp

from detection.remake import restreaming
from detection.rewrite import payload
from detection.switch import CHAT, Variant


def _undone(event: bytes) -> Iterable[bytes]:
    return [] if payload(event) is None else [event]


def _wrap(app: ASGIApp) -> ASGIApp:
    return restreaming(app, lambda: _undone)


VARIANT = Variant(name="no_done", title="streams end without [DONE]", protocols=(CHAT,), wrap=_wrap)
