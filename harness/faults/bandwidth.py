"""bandwidth: a slow line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Annotated

from harness.core.fault import FaultKind, FaultParameters, LinkProbe, Parameter, recognise_delay, recognise_silence
from harness.core.fault_stage import Close, QueueStage, StreamChunk


@dataclass(frozen=True, slots=True)
class _Parameters(FaultParameters):
    rate: Annotated[int, Parameter("what passes at most; 0 stops the line", unit="KB/s", high=10_000_000)] = 0

    def expect_delay(self, before: LinkProbe, stream: str) -> float:
        size = before.size if stream == "downstream" else before.request_size
        return size / (self.rate * 1000) if self.rate else 0.0

    def recognise(self, before: LinkProbe, now: LinkProbe, stream: str) -> str:
        if before.first is None:
            return ""
        if not self.rate:
            return recognise_silence(before, now)
        return recognise_delay(self.expect_delay(before, stream), before.total, now.total)


class _Bandwidth(QueueStage[_Parameters]):
    """Passes `rate` KB (1000 bytes) a second, in slices of at most 100 ms; idle time is not credited."""

    def push(self, data: bytes | Close, arrived: float, now: float) -> Sequence[StreamChunk]:
        """Queue the data; the end of the stream follows it. The next slice makes up for a timer that was late."""
        rate = self.parameters.rate * 1000
        leaves = self.queue[-1][1] if self.queue else now
        if isinstance(data, Close):
            self.enqueue(data, arrived, leaves)
            return self.tick(now)
        self.context.record_effect(len(data))
        size = max(1, rate // 10)
        for start in range(0, len(data), size):
            part = data[start : start + size]
            leaves += len(part) / rate if rate else inf
            self.enqueue(part, arrived, leaves)
        return self.tick(now)


FAULT = FaultKind(
    name="bandwidth",
    title="a slow line, for each connection and direction",
    example=_Parameters(rate=1),
    stage=_Bandwidth,
)
