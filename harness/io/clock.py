"""The clock that every stamp of a run is read from."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Seconds on one line of time, never going back."""

    def now(self) -> float:
        """Seconds since the clock's zero."""


class Monotonic:
    """The operating system's monotonic clock, counted from `zero` (default: the moment of creation).

    The system shares that clock between processes, so a child given its parent's `zero` stamps on the same line.
    """

    def __init__(self, zero: float | None = None) -> None:
        self.zero = time.monotonic() if zero is None else zero

    def now(self) -> float:
        """Seconds since `zero`."""
        return time.monotonic() - self.zero
