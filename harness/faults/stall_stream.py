"""stall_stream: a streamed answer that falls silent after some of its events, and then goes on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from harness.core.fault import HOUR_MS, Parameter
from harness.core.stream_events import Event
from harness.faults._answer_change import AnswerChange, Item, Pause
from harness.faults._http_stage import define_http_fault
from harness.faults._shapes import EventParameters


@dataclass(frozen=True, slots=True)
class _Parameters(EventParameters):
    delay: Annotated[int, Parameter("length of the silence", unit="ms", high=HOUR_MS)] = 30_000

    @property
    def is_idle(self) -> bool:
        """Without a delay nothing happens."""
        return not self.delay


class _StallStream(AnswerChange[_Parameters]):
    rewrites = False
    media = "stream"
    keeps_length = True

    def rewrite_event(self, index: int, event: Event) -> Iterable[Item]:
        """Pause before an event."""
        if self.parameters.is_idle or not self.parameters.strikes(index):
            return (event.raw,)
        self.note_effect(len(event.raw))
        return (Pause(self.parameters.delay / 1000), event.raw)


FAULT = define_http_fault(
    "stall_stream",
    "a streamed answer falls silent after some of its events, and then goes on",
    _Parameters(events=2, delay=500),
    _StallStream,
    needs_streaming=True,
)
