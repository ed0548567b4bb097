"""Decide a rate from samples that depend on one another: load, soak, chaos.

Slow requests come in clusters under load, so n of them carry less information than n independent samples. Treated as
independent, a queue at 80 % load would pass a p99 at its limit every second time. Here the length of the run is fixed,
the clustering is measured over twenty time blocks (the design effect), and Clopper-Pearson gets correspondingly fewer
samples. A PASS holds for the measured window only: a disturbance that occurs less than once per third of the run may
be missing from it, and the data cannot show that.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.stats.beta import beta_quantile
from harness.stats.intervals import clopper_pearson_lower, clopper_pearson_upper
from harness.stats.sequential import MIN_EXCEEDANCES, RateDecision, validate_limits

TIME_BLOCKS = 20
"""Time blocks over which the design effect is measured."""

SMALLEST_EFFECT = 1.43
"""Smaller design effects count as noise: this is the 90 % point of a variance ratio over 20 independent blocks."""


@dataclass(frozen=True, slots=True)
class DependentDecision:
    """The decision of a run with dependent samples; `lower` is one-sided at alpha_fail, `upper` at alpha_pass.

    `effective_n` is the number of independent samples that would carry as much information, at alpha_pass.
    """

    decision: RateDecision
    estimate: float
    lower: float
    upper: float
    design_effect: float
    effective_n: float


def judge_dependent_rate(
    n: ArrayLike,
    over_limit: ArrayLike,
    over_p90: ArrayLike,
    budget: float,
    loosened: float,
    alpha_pass: float = 0.05,
    alpha_fail: float = 0.05,
) -> DependentDecision:
    """Judge the share over the limit of a run with a fixed length, from the counts of its 20 time blocks.

    `n`, `over_limit` and `over_p90` have the shape (20,): the requests of each block, those over the limit, and those
    over the p90 of the whole sample. Raises `ValueError`.
    """
    validate_limits(budget, loosened, alpha_pass, alpha_fail)
    effect = estimate_design_effect(n, over_limit, over_p90)
    total, over = float(np.sum(n)), float(np.sum(over_limit))
    divisor_pass = divisor_fail = 1.0
    if effect > SMALLEST_EFFECT:
        divisor_pass = effect * compute_student_factor(alpha_pass)
        divisor_fail = effect * compute_student_factor(alpha_fail)
    upper = clopper_pearson_upper(over / divisor_pass, total / divisor_pass, alpha_pass)
    lower = clopper_pearson_lower(over / divisor_fail, total / divisor_fail, alpha_fail)
    decision: RateDecision = "inconclusive"
    if lower > budget and over >= MIN_EXCEEDANCES:
        decision = "fail"
    elif upper < loosened:
        decision = "pass"
    return DependentDecision(decision, over / total, lower, upper, effect, total / divisor_pass)


def estimate_design_effect(n: ArrayLike, over_limit: ArrayLike, over_p90: ArrayLike) -> float:
    """The variance of the counts in 20 time blocks over that of independent samples; at least 1.

    It is the larger of two ratios: at the limit, which is what matters, and at the sample's p90, where there are enough
    exceedances to see the clustering of a run with few samples over the limit. Raises `ValueError`.
    """
    sizes = np.asarray(n, dtype=float)
    if sizes.shape != (TIME_BLOCKS,) or not (sizes > 0).all():
        raise ValueError(f"{TIME_BLOCKS} time blocks with at least one request each are needed")
    return max(1.0, *(_variance_ratio(sizes, np.asarray(over, dtype=float)) for over in (over_limit, over_p90)))


def sum_into_blocks(counts: ArrayLike) -> NDArray[np.int64]:
    """Add up counts per second (or per any other equal span), shape (seconds,), into 20 time blocks.

    Raises `ValueError` for fewer than 20 counts.
    """
    seconds = np.asarray(counts, dtype=np.int64)
    if seconds.ndim != 1 or len(seconds) < TIME_BLOCKS:
        raise ValueError(f"at least {TIME_BLOCKS} spans of time are needed to make {TIME_BLOCKS} blocks")
    starts = np.arange(TIME_BLOCKS) * len(seconds) // TIME_BLOCKS
    return np.asarray(np.add.reduceat(seconds, starts), dtype=np.int64)


def compute_student_factor(alpha: float) -> float:
    """(t/z)^2 at alpha with 19 degrees of freedom: the cost of an estimated variance, 1.105 at alpha .05."""
    if alpha >= 0.5:
        return 1.0
    x = beta_quantile(1 - 2 * alpha, 0.5, (TIME_BLOCKS - 1) / 2)
    z = NormalDist().inv_cdf(1 - alpha)
    return (TIME_BLOCKS - 1) * x / (1 - x) / (z * z)


def _variance_ratio(sizes: NDArray[np.float64], counts: NDArray[np.float64]) -> float:
    """The variance of the counts over that of independent samples; 1 when all or none are over, as none is defined."""
    if counts.shape != sizes.shape or not ((counts >= 0) & (counts <= sizes)).all():
        raise ValueError(f"exceedances must be counts within their {TIME_BLOCKS} blocks")
    rate = float(counts.sum() / sizes.sum())
    if not 0 < rate < 1:
        return 1.0
    expected = sizes * rate
    return float(((counts - expected) ** 2 / (expected * (1 - rate))).sum() / (TIME_BLOCKS - 1))
