"""Pacer: when each request of an open-loop load is to be sent, fixed before the first of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import accumulate, count

from harness.core.errors import UsageError
from harness.core.rate_curve import COUNT_ROUNDING, RateCurve, make_steady_curve
from harness.core.sorted_draws import SortedUniforms, draw_gamma, draw_uniform

ARRIVALS = ("constant", "poisson", "gamma")
"""Equal gaps, a Poisson process with a given number of arrivals (Lewis and Shedler 1979, section 2), or gamma gaps."""

_MOST_LISTED = 200_000
"""Arrivals of a Poisson process above which their times are not kept in a list."""


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
        self._parts: tuple[SortedUniforms, ...] = ()
        if arrivals != "constant" and not times:
            until = self.curve.count_until(warm_up)
            bounds = (0.0, until, self.curve.count_until(duration))
            numbers = (int(until + COUNT_ROUNDING), self.count - int(until + COUNT_ROUNDING))
            if arrivals == "poisson" and self.count > _MOST_LISTED:
                self._parts = tuple(
                    SortedUniforms(numbers[i], bounds[i], bounds[i + 1], seed + i) for i in range(len(numbers))
                )
                return
            if arrivals == "gamma":
                counts = _draw_gamma(seed, numbers, bounds, burstiness)
            else:
                counts = _draw_uniform(seed, numbers, bounds)
            self._times = sorted(self._find_time(due) for due in counts)  # rounding may swap two that are all but equal

    def get_arrival_time(self, k: int) -> float:
        """When arrival k is to be sent. Raises `IndexError` if k is not in the schedule."""
        if not 0 <= k < self.count:
            raise IndexError(f"arrival {k} of {self.count}")
        if self._parts:
            first, second = self._parts
            return self._find_time(first[k] if k < len(first) else second[k - len(first)])
        return self._find_time(k) if self._times is None else self._times[k]

    def _find_time(self, count: float) -> float:
        return min(self.curve.find_time(count), math.nextafter(self.duration, 0.0))


def _draw_uniform(seed: int, numbers: Sequence[int], bounds: Sequence[float]) -> Iterator[float]:
    """Sorted uniform numbers, `numbers[i]` of them from `bounds[i]` to `bounds[i + 1]`.

    For a given number of arrivals, that is a Poisson process.
    """
    k = 0
    for i, number in enumerate(numbers):
        low, high = bounds[i], bounds[i + 1]
        yield from sorted(low + draw_uniform(seed, j) * (high - low) for j in range(k, k + number))
        k += number


def _draw_gamma(seed: int, numbers: Sequence[int], bounds: Sequence[float], shape: float) -> Iterator[float]:
    """The sums of gamma gaps, `numbers[i]` of them from `bounds[i]` to `bounds[i + 1]`; the last gap has no arrival."""
    draws = (draw_uniform(seed, k) for k in count())
    for i, number in enumerate(numbers):
        sums = list(accumulate(draw_gamma(draws, shape) for _ in range(number + 1)))
        factor = (bounds[i + 1] - bounds[i]) / (sums[-1] or 1.0)
        yield from (bounds[i] + reached * factor for reached in sums[:-1])
