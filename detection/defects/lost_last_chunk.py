"""The last piece of text is still in a buffer when the end is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from starlette.types import ASGIApp

from detection.remake import restreaming, said
from detection.rewrite import payload
from detection.switch import CHAT, Defect


def _begin() -> Callable[[bytes], Iterable[bytes]]:
    buffer: list[bytes] = []

    def each(event: bytes) -> Iterable[bytes]:
        chunk = payload(event)
        if chunk and any(delta.get("content") for delta in said(chunk)):
            buffer.append(event)
            return [buffer.pop(0)] if len(buffer) > 1 else []
        return [event]

    return each


def _wrap(app: ASGIApp) -> ASGIApp:
    return restreaming(app, _begin)


DEFECT = Defect(
    name="lost_last_chunk",
    title="streams lack their last piece of text, and are declared complete",
    caught_by="ai-suite/smoke/test_stream.py::test_same_text",
    protocols=(CHAT,),
    promises={"deterministic": True},
    wrap=_wrap,
)
