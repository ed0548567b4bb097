"""timeout: data is swallowed, and the connection closes once nothing more comes."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from harness.faults._kind import Attribute, Close, Duty, FaultKind, Piece, Stage


class Timeout(Stage):
    """Drops all data; `timeout` ms after the last, the connection is closed (FIN on both sides)."""

    closes = True

    def __init__(self, duty: Duty, now: float) -> None:
        super().__init__(duty, now)
        self._wait = duty.attributes["timeout"] / 1000 or inf
        self.due = now + self._wait

    def push(self, data: bytes | Close, at: float, now: float) -> Sequence[Piece]:
        """Drop data, which starts the time anew; the stream's own end passes."""
        if isinstance(data, Close):
            self.due = inf
            return [(data, at)]
        self.duty.struck(len(data))
        self.due = now + self._wait
        return []

    def tick(self, now: float) -> Sequence[Piece]:
        """The end."""
        self.due = inf
        self.duty.struck(0)
        return [(Close.FIN, now)]


FAULT = FaultKind(
    name="timeout",
    title="data is swallowed; the connection closes after a silence",
    stage=Timeout,
    attributes=(Attribute("timeout", "silence until the close; 0: never", unit="ms"),),
)
