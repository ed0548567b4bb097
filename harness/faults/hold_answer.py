"""hold_answer: the events of a stream are held back and come in one piece, as behind a gateway that buffers streams."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from harness.core.fault import Parameter
from harness.core.http_request import HttpParameters
from harness.core.stream_events import Event
from harness.faults._answer_change import MOST_KEPT_BACK, AnswerChange, Item, StruckRequest
from harness.faults._http_stage import define_http_fault


@dataclass(frozen=True, slots=True)
class _Parameters(HttpParameters):
    size: Annotated[
        int, Parameter("bytes after which what is held comes; 0: at the end of the stream", unit="bytes", high=1 << 22)
    ] = 0


class _HoldAnswer(AnswerChange[_Parameters]):
    rewrites = False
    media = "stream"
    keeps_length = True

    def __init__(self, struck: StruckRequest[_Parameters]) -> None:
        super().__init__(struck)
        self._blocks = bytearray()

    def rewrite_block(self, block: Event) -> Iterable[Item]:
        """Every event waits, until they are enough."""
        if self._blocks:
            self.note_effect(len(self._blocks))
        self._blocks += block.raw
        self.kept = len(self._blocks)
        if self.kept < (self.parameters.size or MOST_KEPT_BACK):
            return ()
        return self.finish()

    def finish(self) -> Iterable[Item]:
        """Everything that waits."""
        blocks, self._blocks, self.kept = bytes(self._blocks), bytearray(), 0
        return (blocks,)


FAULT = define_http_fault(
    "hold_answer",
    "the events of a stream are held back and come in one piece",
    _Parameters(),
    _HoldAnswer,
    needs_streaming=True,
)
