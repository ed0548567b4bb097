"""Streamed, text that may begin a stop sequence waits, and is dropped if the answer ends first (llama.cpp #15007)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from starlette.types import ASGIApp

from detection.change_request import change_streamed_texts
from detection.intercept import Inference, intercept
from detection.switch import CHAT, Defect


def _drop_tail(stops: list[str]) -> Callable[[str], str]:
    waiting = ""

    def drop(piece: str) -> str:
        nonlocal waiting
        text = waiting + piece
        shown = len(text) - max(_count_begun(text, stop) for stop in stops)
        waiting = text[shown:]
        return text[:shown]

    return drop


def _count_begun(text: str, stop: str) -> int:
    """The number of characters at the end of a text with which a stop sequence begins."""
    for count in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:count]):
            return count
    return 0


def _wrap(app: ASGIApp) -> ASGIApp:
    async def handle(call: Inference) -> None:
        stop = call.request.get("stop")
        stops = [stop] if isinstance(stop, str) else stop
        if not isinstance(stops, list) or not stops or not all(isinstance(item, str) for item in stops):
            await call.forward()
            return
        await replace(call, app=change_streamed_texts(call.app, lambda: _drop_tail(stops))).forward()

    return intercept(app, handle)


DEFECT = Defect(
    title="streamed, a text that ends as a stop sequence begins loses this end",
    caught_by="ai-suite/integration/test_unicode.py::test_text_kept",
    protocols=(CHAT,),
    wrap=_wrap,
)
