"""Pacer: when each request of an open-loop load is to be sent, fixed before the first of them."""

from __future__ import annotations

from bisect import bisect_left
from hashlib import blake2b

from harness.core.errors import UsageError

ARRIVALS = ("constant", "poisson")
"""Equal gaps, or a Poisson process with a given number of arrivals (Lewis and Shedler 1979, section 2)."""

_UNIT = 2.0**-64
_ROUNDING = 1e-9


class Pacer:
    """An absolute schedule of exactly int(rate * duration) arrivals, in seconds from T0, each before `duration`.

    The schedule never shifts: if the load generator is late, its lag is measured against the schedule (coordinated
    omission, Tene 2013). `seed` determines the Poisson schedule, of whose arrivals int(rate * warm_up) fall before
    `warm_up`, so that the number after it is known beforehand too. Raises `UsageError` for an invalid load.
    """

    def __init__(
        self, rate: float, duration: float, arrivals: str = "constant", seed: int = 0, warm_up: float = 0.0
    ) -> None:
        if not (0 < rate < float("inf") and 0 < duration < float("inf")):
            raise UsageError(f"a load needs a rate and a duration over 0, got {rate!r} and {duration!r}")
        if arrivals not in ARRIVALS:
            raise UsageError(f"arrivals {arrivals!r} are not one of {', '.join(ARRIVALS)}")
        self.rate = rate
        self.duration = duration
        self.count = int(rate * duration + _ROUNDING)
        if self.count == 0:
            raise UsageError(f"a rate of {rate:g} requests/s over {duration:g} s sends nothing; give more of either")
        self._times: list[float] | None = None
        if arrivals == "poisson":
            # For a given number of arrivals, a Poisson process is that many uniform times, sorted.
            before, rest = int(rate * warm_up + _ROUNDING), duration - warm_up
            times = [_uniform(seed, k) * warm_up for k in range(before)]
            times += [warm_up + _uniform(seed, k) * rest for k in range(before, self.count)]
            self._times = sorted(times)

    def get_arrival_time(self, k: int) -> float:
        """When arrival k is to be sent. Raises `IndexError` if k is not in the schedule."""
        if not 0 <= k < self.count:
            raise IndexError(f"arrival {k} of {self.count}")
        return k / self.rate if self._times is None else self._times[k]

    def count_before(self, seconds: float) -> int:
        """The number of arrivals that are scheduled before this time."""
        return bisect_left(range(self.count), seconds, key=self.get_arrival_time)


def _uniform(seed: int, k: int) -> float:
    """The k-th random number in [0, 1) of a seed, the same on every machine and in any order of calls."""
    return int.from_bytes(blake2b(b"%d:%d" % (seed, k), digest_size=8).digest(), "big") * _UNIT
