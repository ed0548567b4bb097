"""Bounds for rates, quantiles and paired differences. A verdict uses the exact ones; Wilson's is for display only."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist

from harness.stats.beta import beta_quantile, binomial_cdf, binomial_sf


def clopper_pearson_lower(k: float, n: float, alpha: float) -> float:
    """The one-sided lower bound at confidence 1 - alpha for a rate seen k times in n (Clopper & Pearson 1934).

    0 where k or n is 0. Real-valued k and n are allowed, for the design-effect rule. Raises `ValueError`.
    """
    _check_counts(k, n, alpha)
    return 0.0 if k == 0 else beta_quantile(alpha, k, n - k + 1)


def clopper_pearson_upper(k: float, n: float, alpha: float) -> float:
    """The one-sided upper bound at confidence 1 - alpha for a rate seen k times in n (Clopper & Pearson 1934).

    1 where k = n or n is 0. Real-valued k and n are allowed, for the design-effect rule. Raises `ValueError`.
    """
    _check_counts(k, n, alpha)
    return 1.0 if k == n else 1 - beta_quantile(alpha, n - k, k + 1)


def wilson(k: float, n: float, alpha: float) -> tuple[float, float]:
    """Wilson's score bounds, one-sided at alpha each: for display only, for its error rate reaches .068 at alpha .05.

    (0, 1) where n is 0. Raises `ValueError`.
    """
    _check_counts(k, n, alpha)
    if n == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(1 - alpha)
    rate, weight = k / n, z * z / n
    centre = (rate + weight / 2) / (1 + weight)
    half = z / (1 + weight) * math.sqrt(rate * (1 - rate) / n + weight / (4 * n))
    return (0.0 if k == 0 else max(0.0, centre - half)), (1.0 if k == n else min(1.0, centre + half))


def excluded_rate(n: int, alpha: float = 0.05) -> float:
    """The smallest rate that none seen in n distinct cases refutes at confidence 1 - alpha: 1 - alpha^(1/n).

    1 where n is 0: nothing is excluded. Raises `ValueError`.
    """
    _check_counts(0, n, alpha)
    return 1.0 if n == 0 else -math.expm1(math.log(alpha) / n)


def quantile_ranks(n: int, q: float, alpha: float) -> tuple[int | None, int | None]:
    """The 1-based ranks of the order statistics that bound the q-quantile, one-sided at alpha each.

    Distribution-free. None where n is too small for a bound: the upper one of p99 needs 299 samples at alpha .05.
    Raises `ValueError`.
    """
    _check_counts(0, n, alpha)
    if not 0 < q < 1:
        raise ValueError(f"quantile {q!r} must lie in (0, 1)")
    # The quantile lies above X(r) unless fewer than r samples do; it lies below X(r) unless r or more samples do.
    below = _first(lambda r: binomial_cdf(r - 1, n, q) > alpha, 1, n + 1) - 1
    above = _first(lambda r: binomial_sf(r, n, q) <= alpha, 1, n + 1)
    return (below or None), (above if above <= n else None)


def quantile_interval(ordered: Sequence[float], q: float, alpha: float = 0.05) -> tuple[float | None, float | None]:
    """Bounds of the q-quantile from an ascending sample, one-sided at alpha each; for display, not for a verdict.

    None on a side where the sample is too small. Raises `ValueError`.
    """
    low, high = quantile_ranks(len(ordered), q, alpha)
    return (None if low is None else float(ordered[low - 1])), (None if high is None else float(ordered[high - 1]))


def tango_interval(b: int, c: int, n: int, alpha: float = 0.05) -> tuple[float, float]:
    """Bounds, one-sided at alpha each, of (b - c)/n: the difference of two rates over the same n items.

    b items are 1 under the first treatment only, c under the second only. Inverts the score test of Tango (1998,
    Statistics in Medicine 17:891), whose error rate stays near alpha where Wald's reaches .135 at n = 100.
    (-1, 1) where n is 0. Raises `ValueError`.
    """
    _check_counts(b + c, n, alpha)
    if min(b, c) < 0:
        raise ValueError(f"discordant counts {b!r} and {c!r} must not be negative")
    if n == 0:
        return -1.0, 1.0
    z = NormalDist().inv_cdf(1 - alpha)
    estimate = (b - c) / n
    lower = -1.0 if c == n else _root(lambda d: z - tango_score(b, c, n, d), -1.0, estimate)
    upper = 1.0 if b == n else _root(lambda d: -z - tango_score(b, c, n, d), estimate, 1.0)
    return lower, upper


def tango_score(b: int, c: int, n: int, difference: float) -> float:
    """Tango's score statistic for "the true difference is `difference`": standard normal there, falling in it."""
    d = difference
    linear = -b - c + (2 * n - b + c) * d
    constant = -c * d * (1 - d)
    c_rate = (math.sqrt(max(0.0, linear * linear - 8 * n * constant)) - linear) / (4 * n)
    variance = n * (2 * c_rate + d * (1 - d))
    distance = b - c - n * d
    if variance > 0:
        return distance / math.sqrt(variance)
    return math.copysign(math.inf, distance) if distance else 0.0


def _root(rising: Callable[[float], float], low: float, high: float) -> float:
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if rising(middle) > 0 else (middle, high)
    return (low + high) / 2


def _first(holds: Callable[[int], bool], low: int, high: int) -> int:
    """The smallest integer in [low, high] from which `holds` holds; `high` where it holds nowhere below."""
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def _check_counts(k: float, n: float, alpha: float) -> None:
    if not 0 <= k <= n or not math.isfinite(n):
        raise ValueError(f"{k!r} of {n!r} is no count: 0 <= k <= n is needed")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha {alpha!r} must lie in (0, 1)")
