"""slicer: data arrives in small pieces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from harness.core.fault import FaultKind, FaultParameters, LinkProbe, Parameter, recognise_delay
from harness.core.fault_stage import Close, QueueStage, StageContext, StreamChunk

_MICROSECONDS = 1_000_000
_HOUR_US = 3600 * _MICROSECONDS


@dataclass(frozen=True, slots=True)
class _Parameters(FaultParameters):
    average_size: Annotated[int, Parameter("usual size of a piece; 0: nothing is cut", unit="bytes", high=1 << 30)] = 0
    size_variation: Annotated[
        int, Parameter("what a size varies at most, either way; under average_size", unit="bytes", high=1 << 30)
    ] = 0
    delay: Annotated[int, Parameter("pause after each piece", unit="microseconds", high=_HOUR_US)] = 0

    @property
    def is_idle(self) -> bool:
        return not self.average_size

    def find_problem(self) -> str:
        if self.size_variation and self.size_variation >= self.average_size:
            return f"size_variation {self.size_variation} must be less than average_size {self.average_size}"
        return ""

    def expect_delay(self, before: LinkProbe, stream: str) -> float:
        size = before.size if stream == "downstream" else before.request_size
        pauses = max(0, size // self.average_size - 1) if self.average_size else 0
        return pauses * self.delay / _MICROSECONDS

    def recognise(self, before: LinkProbe, now: LinkProbe, stream: str) -> str:
        return recognise_delay(self.expect_delay(before, stream), before.total, now.total) if before.size else ""


class _Slicer(QueueStage[_Parameters]):
    """Halves data, at a place that varies, until each piece is small enough; a pause of `delay` us follows each."""

    def __init__(self, context: StageContext[_Parameters], now: float) -> None:
        super().__init__(context, now)
        self._free = now

    def push(self, data: bytes | Close, arrived: float, now: float) -> Sequence[StreamChunk]:
        """Queue the pieces; the end of the stream follows the pause of the last."""
        leaves = max(self._free, now)
        if isinstance(data, Close) or not self.parameters.average_size:
            self.enqueue(data, arrived, leaves)
            return self.tick(now)
        pieces = list(self._slice(data))
        if len(pieces) > 1 or leaves > now:
            self.context.record_effect(len(data))
        for piece in pieces:
            self.enqueue(piece, arrived, leaves)
            leaves += self.parameters.delay / _MICROSECONDS
        self._free = leaves
        return self.tick(now)

    def _slice(self, data: bytes) -> Iterator[bytes]:
        """The pieces in order."""
        variation = self.parameters.size_variation
        most = self.parameters.average_size + variation
        waiting = [(0, len(data))]
        while waiting:
            start, end = waiting.pop()
            if end - start <= most:
                yield data[start:end]
                continue
            middle = start + (end - start) // 2 - variation + int(self.context.draw_uniform() * 2 * variation)
            waiting += [(middle, end), (start, middle)]


FAULT = FaultKind(
    name="slicer",
    title="data arrives in small pieces, with a pause after each",
    example=_Parameters(average_size=16, size_variation=8, delay=20_000),
    stage=_Slicer,
)
