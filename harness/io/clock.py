"""The clock that every stamp of a run is read from.

Tested in tests/io/test_client.py.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Seconds since one fixed moment; they never go back."""

    def now(self) -> float:
        """Seconds since the clock's zero."""


class Monotonic:
    """The operating system's monotonic clock, counted from `zero` (default: the moment of creation).

    The system shares that clock between processes: times of a child with its parent's `zero` compare with its parent's.
    """

    def __init__(self, zero: float | None = None) -> None:
        self.zero = time.monotonic() if zero is None else zero

    def now(self) -> float:
        """Seconds since `zero`."""
        return time.monotonic() - self.zero
