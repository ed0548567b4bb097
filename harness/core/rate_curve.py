"""The rate of an open-loop load as a function of time, and its integral, which counts the requests.

A curve is a row of straight pieces: that gives ramps, steps, spikes and a steady rate alike.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

COUNT_ROUNDING = 1e-9
"""Requests by which a count that was computed with floating point may be below a whole number."""


@dataclass(frozen=True, slots=True)
class Piece:
    """For `seconds` the rate goes straight from `rate` to `end_rate`, in requests/s. `name` is for people."""

    name: str
    seconds: float
    rate: float
    end_rate: float

    @property
    def count(self) -> float:
        """How many requests are due in it."""
        return self.seconds * (self.rate + self.end_rate) / 2

    def count_until(self, seconds: float) -> float:
        """How many are due within its first `seconds`."""
        return seconds * (self.rate + self._slope * seconds / 2)

    def find_time(self, count: float) -> float:
        """After how many seconds so many requests are due; the inverse of `count_until`."""
        if count <= 0:
            return 0.0
        final = math.sqrt(max(0.0, self.rate * self.rate + 2 * self._slope * count))
        return min(self.seconds, 2 * count / (self.rate + final))

    @property
    def _slope(self) -> float:
        return (self.end_rate - self.rate) / self.seconds


class RateCurve:
    """The rate of a load over time, from the start of its schedule.

    `duration` is in seconds; pieces of 0 s are left out.
    """

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.pieces = tuple(piece for piece in pieces if piece.seconds > 0)
        self._ends = list(accumulate(piece.seconds for piece in self.pieces))
        self._sums = list(accumulate(piece.count for piece in self.pieces))
        self.duration = self._ends[-1] if self._ends else 0.0

    @property
    def count(self) -> int:
        """How many requests are due in all."""
        return int(self._sums[-1] + COUNT_ROUNDING) if self._sums else 0

    @property
    def mean_rate(self) -> float:
        """The mean rate in requests/s, over the whole duration."""
        return self._sums[-1] / self.duration

    def get_rate(self, seconds: float) -> float:
        """The rate at a time, in requests/s; 0 before the beginning and after the end."""
        if not 0 <= seconds < self.duration:
            return 0.0
        i = bisect_right(self._ends, seconds)
        piece, inside = self.pieces[i], seconds - self._start(i)
        return piece.rate + (piece.end_rate - piece.rate) * inside / piece.seconds

    def count_until(self, seconds: float) -> float:
        """The integral of the rate from 0 to this time: how many requests are due until then."""
        seconds = min(max(0.0, seconds), self.duration)
        i = min(bisect_right(self._ends, seconds), len(self.pieces) - 1)
        return self._count_before(i) + self.pieces[i].count_until(seconds - self._start(i))

    def find_time(self, count: float) -> float:
        """When so many requests are due: the inverse of `count_until`."""
        i = min(bisect_left(self._sums, count), len(self.pieces) - 1)
        return self._start(i) + self.pieces[i].find_time(count - self._count_before(i))

    def _start(self, i: int) -> float:
        return self._ends[i - 1] if i else 0.0

    def _count_before(self, i: int) -> float:
        return self._sums[i - 1] if i else 0.0

    def list_phases(self) -> list[tuple[str, float, float]]:
        """Each piece by its name, with its beginning and its end in seconds."""
        return [(piece.name, self._start(i), self._ends[i]) for i, piece in enumerate(self.pieces)]


def make_steady_curve(rate: float, duration: float) -> RateCurve:
    """One rate for the whole duration."""
    return RateCurve([Piece("steady", duration, rate, rate)])
