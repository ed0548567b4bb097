"""stall_stream: a streamed answer that falls silent after some of its events, and then goes on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from harness.core.answer_change import AnswerChange, Item, Pause
from harness.core.fault import HOUR_MS, Parameter
from harness.core.http_request import HttpParameters
from harness.core.http_stage import define_http_fault
from harness.core.stream_events import Event


@dataclass(frozen=True, slots=True)
class _Parameters(HttpParameters):
    events: Annotated[int, Parameter("events that pass before the silence", high=1_000_000)] = 0
    delay: Annotated[int, Parameter("length of the silence", unit="ms", high=HOUR_MS)] = 30_000
    every: Annotated[int, Parameter("events from one silence to the next; 0: only one", high=1_000_000)] = 0

    @property
    def is_idle(self) -> bool:
        """Without a delay nothing happens."""
        return not self.delay


class _StallStream(AnswerChange[_Parameters]):
    media = "stream"
    keeps_length = True

    def rewrite_event(self, index: int, event: Event) -> Iterable[Item]:
        """Pause before the event after those that pass, and from then on at regular distances."""
        after, every = index - self.parameters.events, self.parameters.every
        if not self.parameters.delay or after < 0 or (after and not every) or (every and after % every):
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
