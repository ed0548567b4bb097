"""slow_close: the connection is closed later than the service closed it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from harness.core.fault import HOUR_MS, FaultKind, FaultParameters, LinkProbe, Parameter, recognise_delay
from harness.core.fault_stage import Close, QueueStage, StreamChunk


@dataclass(frozen=True, slots=True)
class _Parameters(FaultParameters):
    delay: Annotated[int, Parameter("time that the end is kept back", unit="ms", high=HOUR_MS)] = 0

    @property
    def is_idle(self) -> bool:
        return not self.delay

    def expect_delay(self, before: LinkProbe, stream: str) -> float:
        return self.delay / 1000

    def recognise(self, before: LinkProbe, now: LinkProbe, stream: str) -> str:
        has_end = before.outcome == "closed" and before.size == now.size
        return recognise_delay(self.expect_delay(before, stream), before.total, now.total) if has_end else ""


class _SlowClose(QueueStage[_Parameters]):
    """Passes data at once, and its end `delay` ms after it arrived."""

    def push(self, data: bytes | Close, arrived: float, now: float) -> Sequence[StreamChunk]:
        """Pass data, and keep the end."""
        if not isinstance(data, Close):
            return [(data, arrived)]
        if self.parameters.delay:
            self.context.record_effect(0)
        self.enqueue(data, arrived, now + self.parameters.delay / 1000)
        return self.tick(now)


FAULT = FaultKind(
    name="slow_close",
    title="the end of a connection arrives late, its data in time",
    example=_Parameters(delay=300),
    stage=_SlowClose,
)
