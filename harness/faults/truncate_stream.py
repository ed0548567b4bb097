"""truncate_stream: a streamed answer that breaks off after some of its events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

from harness.core.fault import Parameter
from harness.core.fault_stage import Close
from harness.core.http_request import HttpParameters
from harness.core.stream_events import Event
from harness.faults._answer_change import AnswerChange, Item
from harness.faults._http_stage import define_http_fault


@dataclass(frozen=True, slots=True)
class _Parameters(HttpParameters):
    events: Annotated[int, Parameter("events that pass", high=1_000_000)] = 0
    mode: Annotated[
        Literal["fin", "rst"], Parameter("`fin`: a clean end, which ends a chunked body properly; `rst`: a reset")
    ] = "fin"


class _TruncateStream(AnswerChange[_Parameters]):
    rewrites = False
    media = "stream"
    keeps_length = True

    def rewrite_block(self, block: Event) -> Iterable[Item]:
        """Close the connection when more than the allowed events would pass."""
        if self.index < self.parameters.events:
            return super().rewrite_block(block)
        self.note_effect(len(block.raw))
        return (Close(self.parameters.mode),)


FAULT = define_http_fault(
    "truncate_stream",
    "a streamed answer ends after some of its events",
    _Parameters(events=3),
    _TruncateStream,
    needs_streaming=True,
)
