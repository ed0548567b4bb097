"""Progress: what a long part of a run says of itself while it goes on.

Tested in tests/core/test_progress.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

_FEWEST, _SILENCE = 5, 3.0
"""Answers from which the time that is left is estimated, and seconds without an answer that are worth a word."""


@dataclass(slots=True)
class Part:
    """One part of a run. Times are seconds of one clock.

    `done` of `total` things, each a `unit`, are done (`total` 0: it is not known how many there will be; `at_most`:
    there may be fewer). `seconds` is how long the part takes by plan, 0 where nothing fixes that. `deadline`: how many
    seconds one answer may take, 0 where none is awaited. `answered` is when the last one came, `spoke` when something
    was said of the part, both 0 for never. `remark` returns what else a watcher wants to know, or "".
    """

    title: str
    began: float
    total: int = 0
    unit: str = "requests"
    at_most: bool = True
    seconds: float = 0.0
    deadline: float = 0.0
    done: int = 0
    answered: float = 0.0
    spoke: float = 0.0
    remark: Callable[[], str] = str

    def describe(self, now: float) -> str:
        """What it does, how far it is, and how long it will take, as far as that is known."""
        elapsed = max(0.0, now - self.began)
        pieces = (self._describe_count(), self._describe_time(elapsed), self.remark(), self._describe_silence(now))
        return f"{self.title}: {', '.join(filter(None, pieces))}"

    def describe_briefly(self, now: float) -> str:
        """The remark alone where there is one, for a line that may be cut."""
        remark = self.remark()
        if remark:
            return f"{self.title}: {remark}"
        return self.describe(now)

    def measure_left(self, now: float) -> float:
        """Seconds that are left of those planned; 0 where none are."""
        return max(0.0, self.seconds - (now - self.began))

    def _describe_count(self) -> str:
        if not self.done:
            return ""
        if self.done > self.total or (self.seconds and self.at_most):  # then the time says how far it is
            return f"{self.done:,} {self.unit}"
        return f"{self.done:,} of {'at most ' if self.at_most else ''}{self.total:,} {self.unit}"

    def _describe_time(self, elapsed: float) -> str:
        about = "at most" if self.at_most else "about"
        if self.seconds:
            left = self.seconds - elapsed
            if self.at_most and left > 0:
                return f"{_format_time(elapsed)} of at most {_format_time(self.seconds)}"
            planned = f"{_format_time(elapsed)} of {_format_time(self.seconds)} planned"
            return f"{planned}, about {_format_time(left)} left" if left > 0 else f"{planned}, it should end soon"
        so_far = f"{_format_time(elapsed)} so far"
        if not _FEWEST <= self.done < self.total:
            return so_far
        left = elapsed / self.done * (self.total - self.done)
        return f"{so_far}, {about} {_format_time(left)} left at this rate"

    def _describe_silence(self, now: float) -> str:
        quiet = now - (self.answered or self.began)
        if not self.deadline or self.seconds or quiet < _SILENCE:
            return ""
        return f"no answer for {_format_time(quiet)} (one may take {self.deadline:g} s)"


def _format_time(seconds: float) -> str:
    whole = math.ceil(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{math.ceil(whole / 60)} min"
    return f"{whole / 3600:.1f} h"
