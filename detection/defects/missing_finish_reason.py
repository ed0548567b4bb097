"""A stream that was cut ends with `[DONE]` all the same, and without a finish reason (llama-cpp-python 0.3.36)."""

from __future__ import annotations

from collections.abc import Iterable

from detection.change_answer import parse_event
from detection.change_request import replace_each_event
from detection.switch import CHAT, Defect


def _remove_finish(event: bytes) -> Iterable[bytes]:
    chunk = parse_event(event)
    return [] if chunk and any(choice.get("finish_reason") for choice in chunk["choices"]) else [event]


DEFECT = Defect(
    title="streams end with [DONE] and without a finish reason",
    caught_by="ai-suite/smoke/test_stream.py::test_complete",
    protocols=(CHAT,),
    wrap=lambda app: replace_each_event(app, _remove_finish),
)
