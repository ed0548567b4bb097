"""Text comes after the finish reason: two tasks write to one stream, and nobody waits for the slower one."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from starlette.types import ASGIApp

from detection.remake import restreaming, said
from detection.rewrite import payload
from detection.switch import CHAT, Defect


def _begin() -> Callable[[bytes], Iterable[bytes]]:
    late: list[bytes] = []

    def each(event: bytes) -> Iterable[bytes]:
        chunk = payload(event)
        if chunk and any(delta.get("content") for delta in said(chunk)):
            late.append(event)
            return [late.pop(0)] if len(late) > 1 else []
        if chunk and any(choice.get("finish_reason") for choice in chunk["choices"]):
            return [event, *late]
        return [event]

    return each


def _wrap(app: ASGIApp) -> ASGIApp:
    return restreaming(app, _begin)


DEFECT = Defect(
    name="speaks_after_end",
    title="the last piece of a stream comes after the finish reason",
    caught_by="ai-suite/smoke/test_stream.py::test_complete",
    protocols=(CHAT,),
    wrap=_wrap,
)
