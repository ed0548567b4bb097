"""Bounds of a mean rate: how much is done per second over a run whose time blocks may depend on one another.

The counts of the time blocks are added up in windows of several lengths, as in `harness.stats.dependence`, and the
widest interval counts: where slow seconds come in episodes, the windows that are longer than an episode show it. Each
is Student's, shifted for skew as by Johnson (1978): a few pauses in a steady run make the mean look better known than
it is. A bound is never moved towards the estimate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.stats.dependence import TIME_BLOCKS, WINDOWS
from harness.stats.student import find_student_quantile


@dataclass(frozen=True, slots=True)
class ThroughputBounds:
    """A mean rate per second with one-sided confidence bounds."""

    estimate: float
    lower: float
    upper: float


def bound_throughput(
    counts: ArrayLike, block_seconds: float, alpha_lower: float = 0.05, alpha_upper: float = 0.05
) -> ThroughputBounds:
    """The mean rate of counts by time block, shape (blocks,), each of `block_seconds`.

    `lower` is over the true mean with probability `alpha_lower` at most, `upper` under it with `alpha_upper`, as far as
    the run shows how the blocks depend on one another. Raises `ValueError` for under 12 blocks or negative counts.
    """
    series = np.asarray(counts, dtype=float)
    if series.ndim != 1 or len(series) < 2 * min(WINDOWS) or not (series >= 0).all() or block_seconds <= 0:
        raise ValueError(f"a rate needs {2 * min(WINDOWS)} blocks of counts and their seconds, got {series.shape}")
    rates = series / block_seconds
    estimate = float(rates.mean())
    below = above = 0.0
    for windows in WINDOWS:
        length = TIME_BLOCKS // windows
        count = len(rates) // length
        if count < min(WINDOWS):
            continue
        means = rates[len(rates) - count * length :].reshape(count, length).mean(axis=1)
        below = max(below, _measure_margin(-means, alpha_lower))
        above = max(above, _measure_margin(means, alpha_upper))
    return ThroughputBounds(estimate, max(0.0, estimate - below), estimate + above)


def _measure_margin(means: NDArray[np.float64], alpha: float) -> float:
    """How far over the mean of these windows their true mean may lie."""
    count, deviations = len(means), means - means.mean()
    variance = float((deviations**2).sum() / (count - 1))
    if variance <= 0:
        return 0.0
    quantile = find_student_quantile(count - 1, alpha)
    skew = max(0.0, float((deviations**3).mean())) / (variance * count)
    return quantile * math.sqrt(variance / count) + skew * (1 / 6 + quantile**2 / 3)
