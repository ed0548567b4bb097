"""Decide a rate from a stream whose samples depend on one another: load, soak, chaos.

Latencies under load come in clumps, so that n of them say less than n coins would; treated as independent, a queue at
80 % load passes a p99 at its limit every second time. Here the horizon is fixed, the clumping is measured over
twenty time blocks, and Clopper-Pearson sees correspondingly fewer samples. A PASS covers its own window only: a
disturbance rarer than one per third of the run may not be in it, and nothing in the data can tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.stats.beta import beta_quantile
from harness.stats.intervals import clopper_pearson_lower, clopper_pearson_upper
from harness.stats.sequential import FLOOR, Decision, check_limits

BLOCKS = 20
"""Time blocks over which the design effect is measured."""

NOTICED = 1.43
"""Smaller design effects are taken for noise: the 90 % point of a variance ratio over 20 independent blocks."""


@dataclass(frozen=True, slots=True)
class DependentDecision:
    """What a run with dependent samples decided: the bounds are one-sided, at alpha_fail (lower) and alpha_pass.

    `effective_n` is the number of independent samples that would say as much, at alpha_pass.
    """

    decision: Decision
    estimate: float
    lower: float
    upper: float
    design_effect: float
    effective_n: float


def dependent_rate_test(
    n: ArrayLike,
    over_limit: ArrayLike,
    over_p90: ArrayLike,
    budget: float,
    loosened: float,
    alpha_pass: float = 0.05,
    alpha_fail: float = 0.05,
) -> DependentDecision:
    """Judge the share over the limit of a run with a fixed horizon from the counts of its 20 time blocks.

    All three of shape (20,): requests, those over the limit, those over the whole sample's p90. Raises
    `ValueError`.
    """
    check_limits(budget, loosened, alpha_pass, alpha_fail)
    effect = design_effect(n, over_limit, over_p90)
    total, over = float(np.sum(n)), float(np.sum(over_limit))
    for_pass, for_fail = (1.0 if effect <= NOTICED else effect * student_factor(a) for a in (alpha_pass, alpha_fail))
    upper = clopper_pearson_upper(over / for_pass, total / for_pass, alpha_pass)
    lower = clopper_pearson_lower(over / for_fail, total / for_fail, alpha_fail)
    decision: Decision = "inconclusive"
    if lower > budget and over >= FLOOR:
        decision = "fail"
    elif upper < loosened:
        decision = "pass"
    return DependentDecision(decision, over / total, lower, upper, effect, total / for_pass)


def design_effect(n: ArrayLike, over_limit: ArrayLike, over_p90: ArrayLike) -> float:
    """How many times the counts of 20 time blocks vary more than independent samples' would; at least 1.

    The larger variance ratio of two: at the limit, where it counts, and at the sample's p90, where ten times as many
    exceedances show the clumping of a run with few over the limit. Raises `ValueError`.
    """
    sizes = np.asarray(n, dtype=float)
    if sizes.shape != (BLOCKS,) or not (sizes > 0).all():
        raise ValueError(f"{BLOCKS} time blocks with at least one request each are needed")
    return max(1.0, *(_variance_ratio(sizes, np.asarray(over, dtype=float)) for over in (over_limit, over_p90)))


def into_blocks(counts: ArrayLike) -> NDArray[np.int64]:
    """Counts per second (or any short equal spans), shape (seconds,), added up into 20 time blocks.

    Raises `ValueError` where there are fewer than 20.
    """
    seconds = np.asarray(counts, dtype=np.int64)
    if seconds.ndim != 1 or len(seconds) < BLOCKS:
        raise ValueError(f"at least {BLOCKS} spans of time are needed to make {BLOCKS} blocks")
    starts = np.arange(BLOCKS) * len(seconds) // BLOCKS
    return np.asarray(np.add.reduceat(seconds, starts), dtype=np.int64)


def student_factor(alpha: float) -> float:
    """(t/z)^2 at alpha with 19 degrees of freedom: the price of an estimated variance, 1.105 at alpha .05."""
    x = beta_quantile(1 - 2 * alpha, 0.5, (BLOCKS - 1) / 2) if alpha < 0.5 else 0.0
    z = NormalDist().inv_cdf(1 - alpha)
    return (BLOCKS - 1) * x / (1 - x) / (z * z) if z else 1.0


def _variance_ratio(sizes: NDArray[np.float64], counts: NDArray[np.float64]) -> float:
    """The counts' variance over that of independent samples; 1 where all or none are over, which says nothing."""
    if counts.shape != sizes.shape or not ((counts >= 0) & (counts <= sizes)).all():
        raise ValueError(f"exceedances must be counts within their {BLOCKS} blocks")
    rate = float(counts.sum() / sizes.sum())
    if not 0 < rate < 1:
        return 1.0
    expected = sizes * rate
    return float(((counts - expected) ** 2 / (expected * (1 - rate))).sum() / (BLOCKS - 1))
