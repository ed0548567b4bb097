"""latency: every piece of data leaves later."""

from __future__ import annotations

from collections.abc import Sequence

from harness.faults._kind import Attribute, Close, FaultKind, Piece, Queue


class Latency(Queue):
    """Holds each piece until `latency` ± `jitter` ms after it arrived, in order; throughput is not limited."""

    limit = 32 << 20

    def push(self, data: bytes | Close, at: float, now: float) -> Sequence[Piece]:
        """Hold data; the end of the stream waits for what is before it, and no longer."""
        leaves = now
        if not isinstance(data, Close):
            jitter = self.duty.attributes["jitter"]
            spread = int(self.duty.uniform() * 2 * jitter) - jitter
            leaves = at + (self.duty.attributes["latency"] + spread) / 1000
            if leaves > now:
                self.duty.struck(len(data))
        self.hold(data, at, leaves)
        return self.tick(now)

    def stamp(self, at: float, leaves: float) -> float:
        """Later by the wait, so that two latencies add."""
        return max(at, leaves)


FAULT = FaultKind(
    name="latency",
    title="every piece of data leaves later; throughput is not limited",
    stage=Latency,
    attributes=(
        Attribute("latency", "added delay", unit="ms"),
        Attribute("jitter", "most that the delay varies, either way", unit="ms"),
    ),
)
