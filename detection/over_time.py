"""Defects that show after minutes: their clock, which a test can let run faster."""

from __future__ import annotations

import os
import time

SCALE_VARIABLE = "AIHARNESS_DEFECT_MINUTE"
"""Environment variable: how many seconds a minute of these defects lasts."""


class MinuteClock:
    """Counts minutes since it was made; one lasts 60 s, or what `SCALE_VARIABLE` says."""

    def __init__(self) -> None:
        self.minute = float(os.environ.get(SCALE_VARIABLE, "60"))
        self._began = time.monotonic()

    @property
    def minutes(self) -> float:
        """Minutes since it was made."""
        return (time.monotonic() - self._began) / self.minute

    @property
    def seconds_in_minute(self) -> float:
        """Real seconds since the present minute began."""
        return self.minutes % 1 * self.minute


IDLE_S = 1.0
"""Seconds without a request after which a service with an idle defect has put something away."""


class IdleClock:
    """Measures the seconds without a request."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def note_request(self) -> float:
        """The seconds since the last request, or since the clock was made."""
        last, self._last = self._last, time.monotonic()
        return self._last - last
