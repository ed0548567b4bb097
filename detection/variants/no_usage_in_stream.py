"""Streams have no usage, asked for or not (llama-cpp-python)."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.types import ASGIApp

from detection.remake import restreaming
from detection.rewrite import event_of, payload
from detection.switch import CHAT, Variant


def _without(event: bytes) -> Iterable[bytes]:
    chunk = payload(event)
    if chunk is None:
        return [event]
    chunk.pop("usage", None)
    return [event_of(chunk)] if chunk["choices"] else []


def _wrap(app: ASGIApp) -> ASGIApp:
    return restreaming(app, lambda: _without)


VARIANT = Variant(name="no_usage_in_stream", title="streams never have usage", protocols=(CHAT,), wrap=_wrap)
