"""reset_peer: the connection is reset instead of carrying data."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from harness.faults._kind import Attribute, Close, Duty, FaultKind, Piece, Stage


class ResetPeer(Stage):
    """Drops all data; `timeout` ms after the first of it, or after the stream's end, both sockets are reset."""

    closes = True

    def __init__(self, duty: Duty, now: float) -> None:
        super().__init__(duty, now)
        self._begun = False

    def push(self, data: bytes | Close, at: float, now: float) -> Sequence[Piece]:
        """Drop data; the first starts the time."""
        if not self._begun:
            self._begun = True
            self.due = now + self.duty.attributes["timeout"] / 1000
        self.duty.struck(0 if isinstance(data, Close) else len(data))
        return self.tick(now) if self.due <= now else []

    def tick(self, now: float) -> Sequence[Piece]:
        """The reset."""
        self.due = inf
        return [(Close.RST, now)]


FAULT = FaultKind(
    name="reset_peer",
    title="the connection is reset (RST) in place of its first data",
    stage=ResetPeer,
    attributes=(Attribute("timeout", "time from the first data to the reset", unit="ms"),),
)
