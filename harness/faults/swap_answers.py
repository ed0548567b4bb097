"""swap_answers: two requests that are open at the same time get the answers of each other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from harness.core.fault import Parameter
from harness.core.http1 import MessagePart
from harness.core.http_request import HttpParameters
from harness.faults._answer_change import MOST_KEPT_BACK, AnswerChange, Await, Item, StruckRequest
from harness.faults._http_stage import define_http_fault


@dataclass(frozen=True, slots=True)
class _Parameters(HttpParameters):
    wait: Annotated[
        int, Parameter("time that an answer waits for a second one, at most", unit="ms", low=1, high=60_000)
    ] = 1000


class _SwapAnswers(AnswerChange[_Parameters]):
    needs_request_body = True

    def __init__(self, struck: StruckRequest[_Parameters]) -> None:
        super().__init__(struck)
        self._own = bytearray()
        self._other: bytes | None = None
        self._is_too_long = False

    def pass_wire(self, part: MessagePart, raw: bytes) -> Iterable[Item]:
        """The answer waits until it is complete."""
        if self._is_too_long:
            return (raw,)
        self._own += raw
        self.kept = len(self._own)
        if self.kept < MOST_KEPT_BACK:
            return ()
        self._is_too_long, self.kept = True, 0
        return (bytes(self._own),)

    def finish(self) -> Iterable[Item]:
        """The other answer if one waits, else this one waits."""
        if self._is_too_long:
            return ()
        key = (self.struck.request.target, self.media_type)
        partner: _SwapAnswers | None = self.struck.memory.get(key)
        if partner is None or partner.struck.request.read_body() == self.struck.request.read_body():
            self.struck.memory[key] = self
            return (Await(self._poll, self.parameters.wait / 1000),)
        del self.struck.memory[key]
        partner._other = bytes(self._own)
        self.note_effect(len(self._own))
        return (bytes(partner._own),)

    def release(self) -> bytes:
        """This answer as far as it has come."""
        return b"" if self._is_too_long else bytes(self._own)

    def _poll(self, is_last: bool) -> bytes | None:
        if self._other is not None:
            self.note_effect(len(self._own))
            return self._other
        if not is_last:
            return None
        key = (self.struck.request.target, self.media_type)
        if self.struck.memory.get(key) is self:
            del self.struck.memory[key]
        return bytes(self._own)


FAULT = define_http_fault(
    "swap_answers",
    "two different requests to one path that are open at the same time get the answers of each other",
    _Parameters(wait=500),
    _SwapAnswers,
)
