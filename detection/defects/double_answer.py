"""Every piece of a stream is sent twice: two writers on one channel."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.types import ASGIApp

from detection.remake import restreaming, said
from detection.rewrite import payload
from detection.switch import CHAT, Defect


def _twice(event: bytes) -> Iterable[bytes]:
    chunk = payload(event)
    return [event] * (2 if chunk and any(delta.get("content") for delta in said(chunk)) else 1)


def _wrap(app: ASGIApp) -> ASGIApp:
    return restreaming(app, lambda: _twice)


DEFECT = Defect(
    name="double_answer",
    title="streams send every piece of text twice",
    caught_by="ai-suite/smoke/test_stream.py::test_same_text",
    protocols=(CHAT,),
    promises={"deterministic": True},
    wrap=_wrap,
)
