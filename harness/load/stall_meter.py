"""How long a loop stood still, from calls that are due at equal intervals. Pure.

Tested in tests/load/test_slow_path.py.
"""

from __future__ import annotations

TICK = 0.02
"""Seconds between two calls of `tick`; one that comes late shows how long the loop stood still."""

JITTER = 0.005
"""Seconds by which a call may be late without the loop having stood still."""


class StallMeter:
    """Adds up by how much calls of `tick` come late, from the time `now` on (seconds, any clock).

    `longest` is the longest stall until now, for the caller to set back.
    """

    def __init__(self, now: float) -> None:
        self.longest = 0.0
        self._stalled, self._last = 0.0, now

    def tick(self, now: float) -> float:
        """Count one call, and return by how many seconds it was late."""
        late = now - self._last - TICK
        self.longest = max(self.longest, late)
        self._last = now
        if late > JITTER:
            self._stalled += late
        return late

    def measure(self, now: float) -> float:
        """Seconds for which the loop stood still, with a stall that goes on."""
        late = now - self._last - TICK
        return self._stalled + (late if late > JITTER else 0.0)
