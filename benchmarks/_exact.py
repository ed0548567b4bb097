"""The exact probabilities of a rate test's decisions at a true rate, by dynamic programming over (k, n).

A Monte-Carlo check of an error rate near .05 would reject a correct implementation one time in eight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from harness.stats.sequential import MIN_EXCEEDANCES, RateTest

IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Probabilities:
    """The probabilities of the three decisions of a test, and the mean number of requests that it takes."""

    passed: float
    failed: float
    inconclusive: float
    mean_n: float


def compute_probabilities(test: RateTest, rate: float | Sequence[float] | NDArray[np.float64]) -> Probabilities:
    """The probabilities of PASS, FAIL and INCONCLUSIVE when a share `rate` of independent requests is over the limit.

    `rate` may be one rate per request, shape (cap,), for a service that changes during the run. Raises `ValueError`.
    """
    return walk_boundaries(*find_boundaries(test), rate)


def walk_boundaries(
    passing: IntArray, failing: IntArray, rate: float | Sequence[float] | NDArray[np.float64]
) -> Probabilities:
    """As `compute_probabilities`, for any pair of boundaries in the form of `find_boundaries`."""
    cap = len(passing) - 1
    rates = np.broadcast_to(np.asarray(rate, dtype=float), (cap,))
    if not ((rates >= 0) & (rates <= 1)).all():
        raise ValueError("a rate must lie in [0, 1]")
    alive = np.ones(1)
    low = 0  # alive[i] is the probability of being undecided with low + i exceedances
    passed = failed = mean_n = 0.0
    for n in range(1, cap + 1):
        mean_n += float(alive.sum())
        p = rates[n - 1]
        moved = np.zeros(len(alive) + 1)
        moved[:-1] = alive * (1 - p)
        moved[1:] += alive * p
        first = min(max(0, int(passing[n]) + 1 - low), len(moved))
        last = min(max(first, int(failing[n]) - low), len(moved))
        passed += float(moved[:first].sum())
        failed += float(moved[last:].sum())
        alive, low = moved[first:last], low + first
        if not len(alive):
            break
    return Probabilities(passed, failed, float(alive.sum()), mean_n)


@lru_cache(maxsize=64)
def find_boundaries(test: RateTest) -> tuple[IntArray, IntArray]:
    """For each n from 0 to the cap, the largest k that passes (-1: none) and the smallest that fails (n + 1: none).

    Both of shape (cap + 1,). About 0.1 ms per request of the cap, once; treat the arrays as read-only.
    """
    passing = np.full(test.cap + 1, -1, dtype=np.int64)
    failing = np.arange(1, test.cap + 2, dtype=np.int64)
    most, least = -1, MIN_EXCEEDANCES
    for n in range(1, test.cap + 1):
        # Both boundaries only rise, but for the look at the cap, which can only widen them.
        while most < n and test.decide(most + 1, n) == "pass":
            most += 1
        while least <= n and test.decide(least, n) != "fail":
            least += 1
        if n == test.cap:
            while least > MIN_EXCEEDANCES and test.decide(least - 1, n) == "fail":
                least -= 1
        passing[n], failing[n] = min(most, least - 1), least
    passing.flags.writeable = failing.flags.writeable = False
    return passing, failing
