"""How many requests an objective needs, and whether its plan can decide at all."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable

from harness.stats.beta import binomial_cdf, binomial_sf
from harness.stats.sequential import FLOOR, RateTest, check_limits

_MOST = 10_000_000
"""A run larger than this is no advice: `n_needed` answers None."""


def min_n_to_pass(budget: float, alpha: float = 0.05) -> int:
    """The fewest samples, all within the limit, that refute "the rate is at least `budget`" at a planned n.

    59 for p95 and 299 for p99 at alpha .05. Raises `ValueError`.
    """
    check_limits(budget, budget, alpha, alpha)
    return math.ceil(math.log(alpha) / math.log1p(-budget) - 1e-12)


def can_pass(test: RateTest) -> bool:
    """Whether a flawless run of `test` PASSes; an objective that cannot is refused before the first request."""
    return test.decision(0, test.cap) == "pass"


def n_needed(
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
    """The cap of a fresh run that decides with probability `power`, as does any larger, were the true rate k/n.

    For a `sequential` test its last look alone is counted, at half of alpha, so early stops only help. None where
    nothing was seen, where the rate lies from `budget` to `loosened` (no size decides) or where more than `MOST`
    would be needed. Raises `ValueError`.
    """
    check_limits(budget, loosened, alpha_pass, alpha_fail)
    if not 0 <= k <= n:
        raise ValueError(f"{k!r} of {n!r} is no count of exceedances")
    if not 0 < power < 1:
        raise ValueError(f"power {power!r} must lie in (0, 1)")
    if n == 0 or budget <= k / n <= loosened:
        return None
    share = 0.5 if sequential else 1.0
    if k / n < budget:
        return _n_to_pass(k / n, loosened, alpha_pass * share, power)
    return _n_to_fail(k / n, budget, alpha_fail * share, power)


def _n_to_pass(rate: float, loosened: float, alpha: float, power: float) -> int | None:
    """Power falls while the most exceedances c that may pass stay the same, and jumps where c grows."""

    def smallest(c: int) -> int:
        return _first(lambda n: binomial_cdf(c, n, loosened) <= alpha)

    def good(c: int) -> bool:
        return binomial_cdf(c, smallest(c + 1) - 1, rate) >= power

    return _capped(smallest(0 if good(0) else _first(good)))


def _n_to_fail(rate: float, budget: float, alpha: float, power: float) -> int | None:
    """Power rises while the fewest exceedances c that fail stay the same, and drops where c grows."""

    def largest(c: int) -> int:
        return _first(lambda n: binomial_sf(c, n, budget) > alpha) - 1

    def good_after(c: int) -> bool:
        return c >= FLOOR and binomial_sf(c + 1, largest(c) + 1, rate) >= power

    c = _first(good_after)
    return _capped(min(_first(lambda n: binomial_sf(c, n, rate) >= power), largest(c) + 1))


def _capped(n: int) -> int | None:
    return n if n <= _MOST else None


def _first(holds: Callable[[int], bool]) -> int:
    """The smallest n >= 1 from which `holds` holds, by doubling and halving; past `MOST` it gives up there."""
    high = 1
    while not holds(high):
        if high > _MOST:
            return high
        high *= 2
    low = high // 2 + 1
    return low + bisect_left(range(low, high), True, key=holds)
