"""Pacer: when each request of an open-loop load is to be sent, fixed before the first of them."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import accumulate, count
from statistics import NormalDist

from harness.core.errors import UsageError
from harness.core.rate_curve import COUNT_ROUNDING, RateCurve, make_steady_curve

ARRIVALS = ("constant", "poisson", "gamma")
"""Equal gaps, a Poisson process with a given number of arrivals (Lewis and Shedler 1979, section 2), or gamma gaps."""

_UNIT = 2.0**-64
_NORMAL = NormalDist()


class Pacer:
    """An absolute schedule of exactly int(rate * duration) arrivals, in seconds from T0, each before `duration`.

    The schedule never shifts: if the load generator is late, its lag is measured against the schedule (coordinated
    omission, Tene 2013). `rate` is a number, or a curve that lasts for `duration`; then arrivals are those of a process
    with the rate 1, each at the time at which the integral of the rate reaches it (a change of time, which is exact).

    `seed` determines the Poisson and the gamma schedule. Of their arrivals int(rate * warm_up) fall before `warm_up`,
    so that the number after it is known beforehand too. Gaps of the gamma process have the shape `burstiness` and the
    mean 1 / rate (1: Poisson; less: bursts); the gaps before `warm_up` are multiplied by one factor, and those after it
    by one, so that this number is exact: with n gaps it is 1 with a standard deviation of 1 / sqrt(n * burstiness).
    `times` are given arrivals, in place of all this. Raises `UsageError` for an invalid load.
    """

    def __init__(
        self,
        rate: float | RateCurve,
        duration: float,
        arrivals: str = "constant",
        seed: int = 0,
        warm_up: float = 0.0,
        burstiness: float = 1.0,
        times: Sequence[float] = (),
    ) -> None:
        steady = None if isinstance(rate, RateCurve) else rate
        if not (0 < duration < math.inf and (steady is None or 0 < steady < math.inf)):
            raise UsageError(f"a load needs a rate and a duration over 0, got {rate!r} and {duration!r}")
        if arrivals not in ARRIVALS:
            raise UsageError(f"arrivals {arrivals!r} are not one of {', '.join(ARRIVALS)}")
        self.duration = duration
        self.curve = make_steady_curve(rate, duration) if not isinstance(rate, RateCurve) else rate
        self.count = len(times) or self.curve.count
        if self.count == 0:
            raise UsageError(f"{self.curve.mean_rate:g} requests/s over {duration:g} s send nothing; give more")
        self._times: Sequence[float] | None = times or None
        if arrivals != "constant" and not times:
            until = self.curve.count_until(warm_up)
            bounds = (0.0, until, self.curve.count_until(duration))
            numbers = (int(until + COUNT_ROUNDING), self.count - int(until + COUNT_ROUNDING))
            if arrivals == "gamma":
                counts = _draw_gamma(seed, numbers, bounds, burstiness)
            else:
                counts = _draw_uniform(seed, numbers, bounds)
            self._times = sorted(self._find_time(due) for due in counts)  # rounding may swap two that are all but equal

    def get_arrival_time(self, k: int) -> float:
        """When arrival k is to be sent. Raises `IndexError` if k is not in the schedule."""
        if not 0 <= k < self.count:
            raise IndexError(f"arrival {k} of {self.count}")
        return self._find_time(k) if self._times is None else self._times[k]

    def count_before(self, seconds: float) -> int:
        """The number of arrivals that are scheduled before this time."""
        return bisect_left(range(self.count), seconds, key=self.get_arrival_time)

    def _find_time(self, count: float) -> float:
        return min(self.curve.find_time(count), math.nextafter(self.duration, 0.0))


def _draw_uniform(seed: int, numbers: Sequence[int], bounds: Sequence[float]) -> Iterator[float]:
    """Sorted uniform numbers, `numbers[i]` of them from `bounds[i]` to `bounds[i + 1]`.

    For a given number of arrivals, that is a Poisson process.
    """
    k = 0
    for i, number in enumerate(numbers):
        low, high = bounds[i], bounds[i + 1]
        yield from sorted(low + _uniform(seed, j) * (high - low) for j in range(k, k + number))
        k += number


def _draw_gamma(seed: int, numbers: Sequence[int], bounds: Sequence[float], shape: float) -> Iterator[float]:
    """The sums of gamma gaps, `numbers[i]` of them from `bounds[i]` to `bounds[i + 1]`; the last gap has no arrival."""
    draws = (max(_uniform(seed, k), _UNIT) for k in count())
    for i, number in enumerate(numbers):
        sums = list(accumulate(_draw_gap(draws, shape) for _ in range(number + 1)))
        factor = (bounds[i + 1] - bounds[i]) / (sums[-1] or 1.0)
        yield from (bounds[i] + reached * factor for reached in sums[:-1])


def _draw_gap(draws: Iterator[float], shape: float) -> float:
    """A gamma number of this shape and the scale 1 (Marsaglia and Tsang 2000)."""
    boost = 1.0
    if shape < 1:
        boost, shape = next(draws) ** (1 / shape), shape + 1
    d = shape - 1 / 3
    while True:
        x = _NORMAL.inv_cdf(next(draws))
        v = (1 + x / math.sqrt(9 * d)) ** 3
        if v > 0 and math.log(next(draws)) < x * x / 2 + d - d * v + d * math.log(v):
            return boost * d * v


def _uniform(seed: int, k: int) -> float:
    """The k-th random number in [0, 1) of a seed, the same on every machine and in any order of calls."""
    return int.from_bytes(blake2b(b"%d:%d" % (seed, k), digest_size=8).digest(), "big") * _UNIT
