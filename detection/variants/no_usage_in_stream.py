"""Streams have no usage, asked for or not (llama-cpp-python)."""

from __future__ import annotations

from collections.abc import Iterable

from detection.change_answer import format_event, parse_event
from detection.change_request import replace_each_event
from detection.switch import CHAT, Variant


def _without(event: bytes) -> Iterable[bytes]:
    chunk = parse_event(event)
    if chunk is None:
        return [event]
    chunk.pop("usage", None)
    return [format_event(chunk)] if chunk["choices"] else []


VARIANT = Variant(
    title="streams never have usage", protocols=(CHAT,), wrap=lambda app: replace_each_event(app, _without)
)
