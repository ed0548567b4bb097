"""The last text, the finish reason and the usage share one chunk, as in engines that look one token ahead."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from starlette.types import ASGIApp

from detection.remake import restreaming
from detection.rewrite import event_of, payload
from detection.switch import CHAT, Variant


def _begin() -> Callable[[bytes], Iterable[bytes]]:
    held: dict[int, dict[str, Any]] = {}
    """The last chunk with text of each choice."""

    def each(event: bytes) -> Iterable[bytes]:
        chunk = payload(event)
        if chunk is None or len(chunk["choices"]) != 1:
            return [event]
        [choice] = chunk["choices"]
        if choice["delta"].get("content"):
            before, held[choice["index"]] = held.get(choice["index"]), chunk
            return [event_of(before)] if before else []
        if choice["finish_reason"] == "tool_calls" or not choice["finish_reason"] or choice["index"] not in held:
            return [event]
        last = held.pop(choice["index"])
        last["choices"][0]["finish_reason"] = choice["finish_reason"]
        return [event_of(last)]

    return each


def _wrap(app: ASGIApp) -> ASGIApp:
    return restreaming(app, _begin)


VARIANT = Variant(
    name="text_with_finish_reason",
    title="the last text and the finish reason share one chunk",
    protocols=(CHAT,),
    wrap=_wrap,
)
