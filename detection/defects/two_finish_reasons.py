"""The finish reason comes with the last text and again alone (SGLang #8417)."""

from __future__ import annotations

from collections.abc import Iterable

from detection.change_answer import parse_event
from detection.change_request import replace_each_event
from detection.switch import CHAT, Defect


def _twice(event: bytes) -> Iterable[bytes]:
    chunk = parse_event(event)
    return [event] * (2 if chunk and any(choice.get("finish_reason") for choice in chunk["choices"]) else 1)


DEFECT = Defect(
    title="streams send their finish reason twice",
    caught_by="ai-suite/smoke/test_stream.py::test_complete",
    protocols=(CHAT,),
    wrap=lambda app: replace_each_event(app, _twice),
)
