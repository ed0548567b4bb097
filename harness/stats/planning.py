"""How many requests an objective needs, and whether a planned test can pass at all."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable

from harness.stats.beta import binomial_cdf, binomial_sf
from harness.stats.sequential import MIN_EXCEEDANCES, RateTest, validate_limits

_MAX_N = 10_000_000
"""Larger runs are not worth advising: `compute_n_needed` returns None."""


def compute_min_n_to_pass(budget: float, alpha: float = 0.05) -> int:
    """The fewest samples, all within the limit, that refute "the rate is at least `budget`" in a test of fixed size.

    59 for p95 and 299 for p99 at alpha .05. Raises `ValueError`.
    """
    validate_limits(budget, budget, alpha, alpha)
    return math.ceil(math.log(alpha) / math.log1p(-budget) - 1e-12)


def can_pass(test: RateTest) -> bool:
    """Whether a run without any exceedance passes. If not, the objective is refused before the first request."""
    return test.decide(0, test.cap) == "pass"


def compute_n_needed(
    k: float,
    n: float,
    budget: float,
    loosened: float,
    alpha_pass: float = 0.05,
    alpha_fail: float = 0.05,
    *,
    power: float = 0.8,
    sequential: bool = True,
) -> int | None:
    """The size of a new run that decides with probability `power`, as any larger run does, if the true rate is k/n.

    For a `sequential` test only the last look counts, at half of alpha; stopping early can only help. None if n is 0,
    if the rate lies between `budget` and `loosened` (then no size decides), or if more than 10 million requests would
    be needed. Raises `ValueError`.
    """
    validate_limits(budget, loosened, alpha_pass, alpha_fail)
    if not 0 <= k <= n:
        raise ValueError(f"{k!r} of {n!r} is not a valid count of exceedances")
    if not 0 < power < 1:
        raise ValueError(f"power {power!r} must lie in (0, 1)")
    if n == 0 or budget <= k / n <= loosened:
        return None
    share = 0.5 if sequential else 1.0
    if k / n < budget:
        return _compute_n_to_pass(k / n, loosened, alpha_pass * share, power)
    return _compute_n_to_fail(k / n, budget, alpha_fail * share, power)


def _compute_n_to_pass(rate: float, loosened: float, alpha: float, power: float) -> int | None:
    """Power falls with n for a fixed number c of exceedances that may still pass, and jumps up where c grows."""

    def find_smallest_n(c: int) -> int:
        return _find_first(lambda n: binomial_cdf(c, n, loosened) <= alpha)

    def has_power(c: int) -> bool:
        return binomial_cdf(c, find_smallest_n(c + 1) - 1, rate) >= power

    most_exceedances = 0 if has_power(0) else _find_first(has_power)
    return _limit_n(find_smallest_n(most_exceedances))


def _compute_n_to_fail(rate: float, budget: float, alpha: float, power: float) -> int | None:
    """Power rises with n for a fixed number c of exceedances that do not fail yet, and drops where c grows."""

    def find_largest_n(c: int) -> int:
        return _find_first(lambda n: binomial_sf(c, n, budget) > alpha) - 1

    def keeps_power_after(c: int) -> bool:
        return c >= MIN_EXCEEDANCES and binomial_sf(c + 1, find_largest_n(c) + 1, rate) >= power

    c = _find_first(keeps_power_after)
    return _limit_n(min(_find_first(lambda n: binomial_sf(c, n, rate) >= power), find_largest_n(c) + 1))


def _limit_n(n: int) -> int | None:
    return n if n <= _MAX_N else None


def _find_first(condition: Callable[[int], bool]) -> int:
    """The smallest n >= 1 from which the condition is true, by doubling and halving; it gives up past `_MAX_N`."""
    high = 1
    while not condition(high):
        if high > _MAX_N:
            return high
        high *= 2
    low = high // 2 + 1
    return low + bisect_left(range(low, high), True, key=condition)
