"""bandwidth: a slow line."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from math import inf

from harness.faults._kind import Attribute, Close, Duty, FaultKind, Piece, Stage


class Bandwidth(Stage):
    """Passes `rate` KB (1000 bytes) a second, in slices of at most 100 ms; idle time is not credited."""

    def __init__(self, duty: Duty, now: float) -> None:
        super().__init__(duty, now)
        self._rate = duty.attributes["rate"] * 1000
        self._slice = max(1, self._rate // 10)
        self._queue: deque[Piece] = deque()

    def push(self, data: bytes | Close, at: float, now: float) -> Sequence[Piece]:
        """Wait in line; the end of the stream comes after all data."""
        waiting = bool(self._queue)
        if isinstance(data, Close):
            self._queue.append((data, at))
        else:
            self._queue.extend((data[i : i + self._slice], at) for i in range(0, len(data), self._slice))
            self.held += len(data)
            self.duty.struck(len(data))
        if not waiting:
            self.due = now + self._seconds()
        return self.tick(now)

    def tick(self, now: float) -> Sequence[Piece]:
        """The slices whose time has passed; a late timer is made up for by the next."""
        out: list[Piece] = []
        while self._queue and self.due <= now:
            data, at = self._queue.popleft()
            self.held -= 0 if isinstance(data, Close) else len(data)
            out.append((data, at))
            self.due += self._seconds() if self._queue else 0
        if not self._queue:
            self.due = inf
        return out

    def release(self) -> Sequence[Piece]:
        """Everything that waits."""
        return self._queue

    def _seconds(self) -> float:
        data = self._queue[0][0]
        if isinstance(data, Close):
            return 0.0
        return len(data) / self._rate if self._rate else inf


FAULT = FaultKind(
    name="bandwidth",
    title="a slow line, for each connection and direction; 0 stops it",
    stage=Bandwidth,
    attributes=(Attribute("rate", "most that passes", unit="KB/s", high=10_000_000),),
)
