"""drip_answer: an answer that comes a few bytes at a time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from harness.core.fault import HOUR_MS, Parameter
from harness.core.http1 import MessagePart
from harness.core.http_request import HttpParameters
from harness.faults._answer_change import AnswerChange, Item, Pause, StruckRequest
from harness.faults._http_stage import define_http_fault


@dataclass(frozen=True, slots=True)
class _Parameters(HttpParameters):
    size: Annotated[int, Parameter("bytes that come at a time", unit="bytes", low=1, high=1_000_000)] = 16
    delay: Annotated[int, Parameter("silence before the next ones", unit="ms", high=HOUR_MS)] = 50

    @property
    def is_idle(self) -> bool:
        """Without a delay nothing happens."""
        return not self.delay


class _DripAnswer(AnswerChange[_Parameters]):
    rewrites = False

    def __init__(self, struck: StruckRequest[_Parameters]) -> None:
        super().__init__(struck)
        self._left = self.parameters.size

    def pass_wire(self, part: MessagePart, raw: bytes) -> Iterable[Item]:
        """A pause after each few bytes, head and framing included."""
        if self.parameters.is_idle:
            return (raw,)
        items: list[Item] = []
        while raw:
            if not self._left:
                self.note_effect(self.parameters.size)
                items.append(Pause(self.parameters.delay / 1000))
                self._left = self.parameters.size
            piece, raw = raw[: self._left], raw[self._left :]
            self._left -= len(piece)
            items.append(piece)
        return items


FAULT = define_http_fault(
    "drip_answer", "an answer comes a few bytes at a time", _Parameters(size=100, delay=5), _DripAnswer
)
