"""drop_events: the first events of a stream are missing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from harness.core.fault import Parameter
from harness.core.http_request import HttpParameters
from harness.core.stream_events import Event
from harness.faults._answer_change import AnswerChange, Item
from harness.faults._http_stage import define_http_fault


@dataclass(frozen=True, slots=True)
class _Parameters(HttpParameters):
    events: Annotated[int, Parameter("events that are missing, from the first on", high=1_000_000)] = 1

    @property
    def is_idle(self) -> bool:
        """Nothing is missing."""
        return self.events == 0


class _DropEvents(AnswerChange[_Parameters]):
    media = "stream"

    def rewrite_event(self, index: int, event: Event) -> Iterable[Item]:
        """Nothing for one of the first, the others as they are."""
        if index >= self.parameters.events:
            return (event.raw,)
        self.note_effect(len(event.raw))
        return ()


FAULT = define_http_fault(
    "drop_events", "the first events of a stream are missing", _Parameters(), _DropEvents, needs_streaming=True
)
