"""The last text, the finish reason and the usage share one chunk, as in engines that look one token ahead."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from detection.change_answer import format_event, parse_event
from detection.change_request import replace_events
from detection.switch import CHAT, Variant


def _begin() -> Callable[[bytes], Iterable[bytes]]:
    waiting: dict[int, dict[str, Any]] = {}
    """The last chunk with text of each choice."""

    def replace(event: bytes) -> Iterable[bytes]:
        chunk = parse_event(event)
        if chunk is None or len(chunk["choices"]) != 1:
            return [event]
        [choice] = chunk["choices"]
        if choice["delta"].get("content"):
            before, waiting[choice["index"]] = waiting.get(choice["index"]), chunk
            return [format_event(before)] if before else []
        if choice["finish_reason"] == "tool_calls" or not choice["finish_reason"] or choice["index"] not in waiting:
            return [event]
        last = waiting.pop(choice["index"])
        last["choices"][0]["finish_reason"] = choice["finish_reason"]
        return [format_event(last)]

    return replace


VARIANT = Variant(
    title="the last text and the finish reason share one chunk",
    protocols=(CHAT,),
    wrap=lambda app: replace_events(app, _begin),
)
