"""latency: every piece of data leaves later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from harness.core.fault import HOUR_MS, FaultKind, FaultParameters, LinkProbe, Parameter, recognise_delay
from harness.core.fault_stage import Close, QueueStage, StreamChunk


@dataclass(frozen=True, slots=True)
class _Parameters(FaultParameters):
    latency: Annotated[int, Parameter("added delay", unit="ms", high=HOUR_MS)] = 0
    jitter: Annotated[int, Parameter("what the delay varies at most, either way", unit="ms", high=HOUR_MS)] = 0

    @property
    def is_idle(self) -> bool:
        return not self.latency and not self.jitter

    def expect_delay(self, before: LinkProbe, stream: str) -> float:
        return max(0, self.latency - self.jitter) / 1000

    def recognise(self, before: LinkProbe, now: LinkProbe, stream: str) -> str:
        if before.first is None:
            return ""
        seconds = now.total if now.first is None else now.first
        return recognise_delay(self.expect_delay(before, stream), before.first, seconds)


class _Latency(QueueStage[_Parameters]):
    """Keeps each chunk until `latency` ± `jitter` ms after it arrived, in order; throughput is not limited."""

    buffer_limit = 32 << 20

    def push(self, data: bytes | Close, arrived: float, now: float) -> Sequence[StreamChunk]:
        """Delay data; the end of the stream waits for the data before it, and no longer."""
        leaves = now
        if not isinstance(data, Close):
            delay, jitter = self.parameters.latency, self.parameters.jitter
            if jitter:
                delay += int(self.context.draw_uniform() * 2 * jitter) - jitter
            leaves = arrived + delay / 1000
            if leaves > now:
                self.context.record_effect(len(data))
        self.enqueue(data, arrived, leaves)
        return () if self.due > now else self.tick(now)

    def stamp(self, arrived: float, leaves: float) -> float:
        """Later by the delay, so that two latencies add."""
        return max(arrived, leaves)


FAULT = FaultKind(
    name="latency",
    title="every piece of data leaves later; throughput is not limited",
    example=_Parameters(latency=300),
    stage=_Latency,
)
