"""Streamed, text that may begin a stop sequence waits, and is dropped if the answer ends first (llama.cpp #15007)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from starlette.types import ASGIApp

from detection.change_answer import format_event, parse_event
from detection.change_request import list_messages, replace_events
from detection.intercept import Inference, intercept
from detection.switch import CHAT, Defect


def _drop_tail(stops: list[str]) -> Callable[[bytes], Iterable[bytes]]:
    waiting = ""

    def drop(event: bytes) -> Iterable[bytes]:
        nonlocal waiting
        chunk = parse_event(event)
        for delta in list_messages(chunk or {}):
            if not delta.get("content"):
                continue
            text = waiting + delta["content"]
            longest = max(_count_begun(text, stop) for stop in stops)
            delta["content"], waiting = text[: len(text) - longest], text[len(text) - longest :]
        return [format_event(chunk) if chunk else event]

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
        await replace(call, app=replace_events(call.app, lambda: _drop_tail(stops))).forward()

    return intercept(app, handle)


DEFECT = Defect(
    title="streamed, a text that ends as a stop sequence begins loses this end",
    caught_by="ai-suite/integration/test_unicode.py::test_text_kept",
    protocols=(CHAT,),
    wrap=_wrap,
)
