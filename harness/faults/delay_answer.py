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


@dataclass(frozen=True, slots=True)
class _Parameters(HttpParameters):
    delay: Annotated[int, Parameter("added silence", unit="ms", high=HOUR_MS)] = 0
    jitter: Annotated[int, Parameter("what the delay varies at most, either way", unit="ms", high=HOUR_MS)] = 0
    before: Annotated[
        Literal["head", "body"], Parameter("`head`: before the status; `body`: before the first piece of the body")
    ] = "head"

    @property
    def is_idle(self) -> bool:
        """Without a delay nothing happens."""
        return not (self.delay or self.jitter)


class _DelayAnswer(AnswerChange[_Parameters]):
    rewrites = False

    def pass_wire(self, part: MessagePart, raw: bytes) -> Iterable[Item]:
        """Pause before the head, or before what follows it."""
        self.index += 1
        if self.index != (1 if self.parameters.before == "head" else 2):
            return (raw,)
        shift = self.parameters.jitter * (2 * self.struck.draw_uniform() - 1)
        milliseconds = max(0.0, self.parameters.delay + shift)
        if milliseconds:
            self.note_effect(len(self.struck.head.raw))
        return (Pause(milliseconds / 1000), raw)


FAULT = define_http_fault(
    "delay_answer",
    "silence before an answer, or between its head and its body (time to the first token)",
    _Parameters(delay=300),
    _DelayAnswer,
)
