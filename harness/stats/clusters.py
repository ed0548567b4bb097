"""Shares over prompts that are asked several times: answers to one prompt are alike, so the prompts are the sample.

The bounds are Clopper and Pearson's at the effective number of prompts: their number divided by the design effect (Kish
1965), the variance between prompts over that of single answers. One imagined prompt that speaks against the claim is
added to the variance, because few prompts do not show how much they differ: without it, prompts that are all alike
would prove anything. `tests/stats/test_clusters.py` simulates the coverage.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from harness.stats.intervals import clopper_pearson_lower, clopper_pearson_upper


@dataclass(frozen=True, slots=True)
class ClusteredShare:
    """A mean of one value in [0, 1] for each of n prompts, and its one-sided bounds.

    `lower_n` and `upper_n` are how many independent answers, one to a prompt, would be as telling.
    """

    n: int
    estimate: float
    lower: float
    upper: float
    lower_n: float
    upper_n: float


def bound_clustered_share(
    values: ArrayLike, repeats: int, alpha_lower: float = 0.05, alpha_upper: float = 0.05
) -> ClusteredShare:
    """The bounds of the mean of `values`, shape (prompts,), each from `repeats` answers. Raises `ValueError`."""
    shares = np.asarray(values, dtype=float)
    if not len(shares) or not ((shares >= 0) & (shares <= 1)).all() or repeats < 1:
        raise ValueError("values must lie in [0, 1], one for each of at least one prompt, with repeats of at least 1")
    n, total = len(shares), float(shares.sum())
    lower_n, upper_n = (n / _measure_effect(shares, imagined, repeats) for imagined in (0.0, 1.0))
    return ClusteredShare(
        n,
        total / n,
        clopper_pearson_lower(min(total / n * lower_n, lower_n), lower_n, alpha_lower),
        clopper_pearson_upper(min(total / n * upper_n, upper_n), upper_n, alpha_upper),
        lower_n,
        upper_n,
    )


def _measure_effect(shares: np.ndarray, imagined: float, repeats: int) -> float:
    """The variance between prompts over that of single answers: from 1/repeats (independent) to 1 (all alike)."""
    augmented = np.append(shares, imagined)
    mean = float(augmented.mean())
    single = mean * (1 - mean)
    if single <= 0:
        return 1.0
    return float(min(1.0, max(1 / repeats, augmented.var(ddof=1) / single)))


def estimate_pass_at_k(right: int, n: int, k: int) -> float:
    """The chance that at least one of k answers is right, unbiased from `right` of n (Chen et al. 2021)."""
    _validate(right, n, k)
    return 1 - math.comb(n - right, k) / math.comb(n, k)


def estimate_pass_hat_k(right: int, n: int, k: int) -> float:
    """The chance that all of k answers are right, unbiased from `right` of n (Yao et al. 2024)."""
    _validate(right, n, k)
    return math.comb(right, k) / math.comb(n, k)


def _validate(right: int, n: int, k: int) -> None:
    if not 0 <= right <= n or not 1 <= k <= n:
        raise ValueError(f"{right} of {n} with k = {k} is not a valid count: 0 <= right <= n and 1 <= k <= n")
