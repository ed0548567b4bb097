"""delay_answer: silence before the head of an answer, or between its head and the first piece of its body."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

from harness.core.fault import HOUR_MS, Parameter
from harness.core.http1 import MessagePart
from harness.core.http_request import HttpParameters
from harness.faults._answer_change import AnswerChange, Item, Pause
from harness.faults._http_stage import define_http_fault

_MOST_BEGINNINGS = 10_000


@dataclass(frozen=True, slots=True)
class _Parameters(HttpParameters):
    delay: Annotated[int, Parameter("added silence", unit="ms", high=HOUR_MS)] = 0
    jitter: Annotated[int, Parameter("what the delay varies at most, either way", unit="ms", high=HOUR_MS)] = 0
    before: Annotated[
        Literal["head", "body"], Parameter("`head`: before the status; `body`: before the first piece of the body")
    ] = "head"

    beginning: Annotated[
        int, Parameter("only requests whose first so many bytes are new, as of a cache of prefixes; 0: all", high=65536)
    ] = 0

    @property
    def is_idle(self) -> bool:
        """Without a delay nothing happens."""
        return not (self.delay or self.jitter)


class _DelayAnswer(AnswerChange[_Parameters]):
    rewrites = False
    needs_request_body = True

    def pass_wire(self, part: MessagePart, raw: bytes) -> Iterable[Item]:
        """Pause before the head, or before what follows it."""
        self.index += 1
        if self.index != (1 if self.parameters.before == "head" else 2):
            return (raw,)
        if not self._is_new():
            return (raw,)
        shift = self.parameters.jitter * (2 * self.struck.draw_uniform() - 1)
        milliseconds = max(0.0, self.parameters.delay + shift)
        if milliseconds:
            self.note_effect(len(self.struck.head.raw))
        return (Pause(milliseconds / 1000), raw)

    def _is_new(self) -> bool:
        """Whether no struck request began like this one."""
        if not self.parameters.beginning:
            return True
        beginning = (self.struck.request.read_body() or b"")[: self.parameters.beginning]
        memory: set[bytes] = self.struck.memory.setdefault("beginnings", set())
        if beginning in memory or len(memory) >= _MOST_BEGINNINGS:
            return False
        memory.add(beginning)
        return True


FAULT = define_http_fault(
    "delay_answer",
    "silence before an answer, or between its head and its body (time to the first token)",
    _Parameters(delay=300),
    _DelayAnswer,
)
