"""latency: every piece of data leaves later."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from math import inf

from harness.faults._kind import Attribute, Close, Duty, FaultKind, Piece, Stage


class Latency(Stage):
    """Holds each piece until `latency` ± `jitter` ms after it arrived, in order; throughput is not limited."""

    limit = 32 << 20

    def __init__(self, duty: Duty, now: float) -> None:
        super().__init__(duty, now)
        self._queue: deque[tuple[Piece, float]] = deque()

    def push(self, data: bytes | Close, at: float, now: float) -> Sequence[Piece]:
        """Hold data; the end of the stream waits for what is before it, and no longer."""
        leaves = now
        if not isinstance(data, Close):
            jitter = self.duty.attributes["jitter"]
            spread = int(self.duty.uniform() * 2 * jitter) - jitter
            leaves = at + (self.duty.attributes["latency"] + spread) / 1000
            self.held += len(data)
            if leaves > now:
                self.duty.struck(len(data))
        self._queue.append(((data, at), leaves))
        return self.tick(now)

    def tick(self, now: float) -> Sequence[Piece]:
        """What has waited long enough; its stamp moves by the wait, so that two latencies add."""
        out: list[Piece] = []
        while self._queue and self._queue[0][1] <= now:
            (data, at), leaves = self._queue.popleft()
            self.held -= 0 if isinstance(data, Close) else len(data)
            out.append((data, max(at, leaves)))
        self.due = self._queue[0][1] if self._queue else inf
        return out

    def release(self) -> Sequence[Piece]:
        """Everything that waits."""
        return [piece for piece, _ in self._queue]


FAULT = FaultKind(
    name="latency",
    title="every piece of data leaves later; throughput is not limited",
    stage=Latency,
    attributes=(
        Attribute("latency", "added delay", unit="ms"),
        Attribute("jitter", "most that the delay varies, either way", unit="ms"),
    ),
)
