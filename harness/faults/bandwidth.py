"""bandwidth: a slow line."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from harness.faults._kind import Attribute, Close, FaultKind, Piece, Queue


class Bandwidth(Queue):
    """Passes `rate` KB (1000 bytes) a second, in slices of at most 100 ms; idle time is not credited."""

    def push(self, data: bytes | Close, at: float, now: float) -> Sequence[Piece]:
        """Wait in line; the end of the stream comes after all data. A late timer is made up for by the next slice."""
        rate = self.duty.attributes["rate"] * 1000
        leaves = self.queue[-1][1] if self.queue else now
        if isinstance(data, Close):
            self.hold(data, at, leaves)
        else:
            self.duty.struck(len(data))
            size = max(1, rate // 10)
            for slice_ in (data[i : i + size] for i in range(0, len(data), size)):
                leaves += len(slice_) / rate if rate else inf
                self.hold(slice_, at, leaves)
        return self.tick(now)


FAULT = FaultKind(
    name="bandwidth",
    title="a slow line, for each connection and direction; 0 stops it",
    stage=Bandwidth,
    attributes=(Attribute("rate", "most that passes", unit="KB/s", high=10_000_000),),
)
