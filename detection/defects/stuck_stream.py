"""A stream that falls silent: after the role and two pieces of text nothing comes, and the connection stays open."""

from __future__ import annotations

from detection.change_answer import change_events
from detection.switch import CHAT, Defect

_SENT = 3


DEFECT = Defect(
    title="streams send two pieces of text, then nothing, and stay open",
    caught_by="ai-suite/smoke/test_stream.py::test_complete",
    protocols=(CHAT,),
    wrap=lambda app: change_events(app, lambda index, event: event if index < _SENT else None, then_hang=True),
)
