"""Bounds of a median without any assumption on the distribution, from the order statistics.

Tested in tests/stats/test_median.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.stats.beta import binomial_cdf


def bound_median(values: Sequence[float], alpha: float) -> tuple[float | None, float | None]:
    """One-sided bounds of the median at alpha each; None where there are too few values for a bound.

    The k-th smallest of n is a lower bound, k the largest with P(Binomial(n, 1/2) < k) <= alpha.
    """
    ordered, n = sorted(values), len(values)
    k = 0
    while k < n and binomial_cdf(k, n, 0.5) <= alpha:
        k += 1
    return (ordered[k - 1], ordered[n - k]) if k else (None, None)
