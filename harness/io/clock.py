"""The clocks that every stamp of a run is read from, whatever the user's tests do to the module `time`.

Tested in tests/io/test_clock.py and tests/io/test_client.py.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from types import BuiltinFunctionType
from typing import Protocol

_REAL = (time.perf_counter, time.time, time.sleep, datetime)
"""Taken when the plugin is loaded, before any conftest.py. Tools such as freezegun search modules for these functions,
but not tuples; time-machine patches `time.monotonic` itself, and not `time.perf_counter`, which has the same zero."""

_MOST_DRIFT = 0.5
"""Seconds that two clocks may differ over one check: one of them counts in hundredths."""


class Clock(Protocol):
    """Seconds since one fixed moment; they never go back."""

    def now(self) -> float:
        """Seconds since the clock's zero."""


class Monotonic:
    """The operating system's monotonic clock, counted from `zero` (default: the moment of creation).

    The system shares that clock between processes: times of a child with its parent's `zero` compare with its parent's.
    """

    def __init__(self, zero: float | None = None) -> None:
        self.zero = read_monotonic() if zero is None else zero

    def now(self) -> float:
        """Seconds since `zero`."""
        return read_monotonic() - self.zero


class DriftWatch:
    """Compares the clock with another one of the system, from its creation."""

    def __init__(self) -> None:
        self._began = read_monotonic(), os.times().elapsed

    def explain(self) -> str | None:
        """Why the clock cannot be trusted, or None."""
        if not isinstance(_REAL[0], BuiltinFunctionType):
            return "time.perf_counter was replaced before aiharness was loaded; do not freeze time for the whole run"
        ours, other = read_monotonic() - self._began[0], os.times().elapsed - self._began[1]
        if not self._began[1] or abs(ours - other) <= _MOST_DRIFT:
            return None
        return (
            f"the clock was frozen or moved: it counted {ours:.2f} s where {other:.2f} s went by. Does a test or a "
            "fixture use freezegun or time-machine? Leave the checks of the gate out of it"
        )


def read_monotonic() -> float:
    """Seconds of the operating system's monotonic clock."""
    return _REAL[0]()


def read_epoch() -> float:
    """Seconds since 1970."""
    return _REAL[1]()


def read_date() -> datetime:
    """Now, in UTC."""
    return _REAL[3].fromtimestamp(_REAL[1](), UTC)


def sleep_real(seconds: float) -> None:
    """Wait."""
    _REAL[2](seconds)
