"""Exact confidence bounds for rates."""

from __future__ import annotations

import math

from harness.stats.beta import beta_quantile


def clopper_pearson_lower(k: float, n: float, alpha: float) -> float:
    """The one-sided lower bound at confidence 1 - alpha for the rate of an event that occurred k times in n.

    After Clopper and Pearson (1934); 0 if k or n is 0. k and n may be real numbers, for the design-effect rule. Raises
    `ValueError`.
    """
    _validate_counts(k, n, alpha)
    return 0.0 if k == 0 else beta_quantile(alpha, k, n - k + 1)


def clopper_pearson_upper(k: float, n: float, alpha: float) -> float:
    """The one-sided upper bound at confidence 1 - alpha for the rate of an event that occurred k times in n.

    After Clopper and Pearson (1934); 1 if k = n or n is 0. k and n may be real numbers, for the design-effect rule.
    Raises `ValueError`.
    """
    _validate_counts(k, n, alpha)
    return 1.0 if k == n else 1 - beta_quantile(alpha, n - k, k + 1)


def _validate_counts(k: float, n: float, alpha: float) -> None:
    if not 0 <= k <= n or not math.isfinite(n):
        raise ValueError(f"{k!r} of {n!r} is not a valid count: 0 <= k <= n is needed")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha {alpha!r} must lie in (0, 1)")
