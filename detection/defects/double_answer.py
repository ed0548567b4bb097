"""Every piece of a stream is sent twice: two writers on one channel."""

from __future__ import annotations

from collections.abc import Iterable

from detection.change_answer import parse_event
from detection.change_request import list_messages, replace_each_event
from detection.switch import CHAT, Defect


def _twice(event: bytes) -> Iterable[bytes]:
    chunk = parse_event(event)
    return [event] * (2 if chunk and any(delta.get("content") for delta in list_messages(chunk)) else 1)


DEFECT = Defect(
    title="streams send every piece of text twice",
    caught_by="ai-suite/smoke/test_stream.py::test_same_text",
    protocols=(CHAT,),
    promises={"deterministic": True},
    wrap=lambda app: replace_each_event(app, _twice),
)
