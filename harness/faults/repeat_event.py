"""repeat_event: an event of a stream comes more than once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from harness.core.fault import Parameter
from harness.core.stream_events import Event
from harness.faults._answer_change import AnswerChange, Item
from harness.faults._http_stage import define_http_fault
from harness.faults._shapes import EventParameters


@dataclass(frozen=True, slots=True)
class _Parameters(EventParameters):
    times: Annotated[int, Parameter("how often it comes", low=2, high=1000)] = 2


class _RepeatEvent(AnswerChange[_Parameters]):
    media = "stream"

    def rewrite_event(self, index: int, event: Event) -> Iterable[Item]:
        """The event, and again."""
        if not self.parameters.strikes(index):
            return (event.raw,)
        self.note_effect(len(event.raw))
        return (event.raw,) * self.parameters.times


FAULT = define_http_fault(
    "repeat_event",
    "an event of a stream comes more than once",
    _Parameters(events=1),
    _RepeatEvent,
    needs_streaming=True,
)
