"""Student's t distribution, from the incomplete beta function. Tested in tests/stats/test_run_spread.py."""

from __future__ import annotations

import math
from functools import lru_cache

from harness.stats.beta import beta_quantile, beta_sf


@lru_cache(maxsize=4096)
def find_student_quantile(freedom: int, alpha: float) -> float:
    """The t with P(T > t) = alpha, which is at most 1/2, for `freedom` degrees of freedom."""
    x = beta_quantile(2 * alpha, freedom / 2, 0.5) if alpha < 0.5 else 1.0
    return math.sqrt(freedom * (1 - x) / x)


def compute_student_tail(t: float, freedom: int) -> float:
    """P(T > t) with `freedom` degrees of freedom."""
    if math.isinf(t):
        return float(t < 0)
    tail = beta_sf(t * t / (freedom + t * t), 0.5, freedom / 2) / 2
    return tail if t >= 0 else 1 - tail
