"""A mean from few labels and many judgements of a model: prediction-powered inference, and how far two raters agree.

PPI++ (Angelopoulos, Duchi and Zrnic 2023, arXiv 2311.01453): the judge's mean over all answers, corrected by its mean
error on the labelled ones, with the weight of the judge that makes the variance smallest. Its interval is normal, too
narrow where errors are rare, and of width 0 where the judge never erred on the labels: so each bound is that of the
answers with one imagined label and one imagined judgement that speak against it, as Agresti and Coull add some to a
share. Tested in tests/stats/test_prediction_powered.py, whose simulation has the error rates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

FEWEST_LABELS = 30
"""Fewer labels show neither how often a judge errs nor how much that varies."""


@dataclass(frozen=True, slots=True)
class PoweredMean:
    """The estimate and its one-sided bounds; `weight` is how much the judge counts (0: the labels alone).

    `label_variance` is that of one label's correction, which more labels would divide.
    """

    estimate: float
    lower: float
    upper: float
    weight: float
    label_variance: float


def estimate_powered_mean(
    labels: ArrayLike,
    judged_labels: ArrayLike,
    judged: ArrayLike,
    alpha_lower: float = 0.05,
    alpha_upper: float = 0.05,
    share: float = 1.0,
) -> PoweredMean:
    """The mean of the labels over all answers, by `judged_labels` (n,) beside `labels` (n,) and `judged` (N,).

    All lie in [0, 1]. `share` of the N answers are like the labelled ones; of the others it is known that label and
    judgement are 0. Raises `ValueError` for fewer than two labels.
    """
    truth, beside, others = (np.asarray(values, dtype=float) for values in (labels, judged_labels, judged))
    n, total = len(truth), len(others)
    if n < 2 or len(beside) != n or total < 2 or not 0 <= share <= 1:
        raise ValueError(f"{n} labels, {len(beside)} judgements beside them and {total} others are not valid")
    weight = _choose_weight(truth, beside, others)
    estimate, _ = _estimate(truth, beside, others, weight, share)
    bounds = []
    for against, alpha in ((0.0, alpha_lower), (1.0, alpha_upper)):
        middle, spread = _estimate(
            np.append(truth, against), np.append(beside, 1 - against), np.append(others, against), weight, share
        )
        distance = NormalDist().inv_cdf(1 - alpha) * spread
        bounds.append(middle + distance if against else middle - distance)
    correction = truth - weight * beside
    return PoweredMean(estimate, max(0.0, bounds[0]), min(1.0, bounds[1]), weight, float(correction.var(ddof=1)))


def _estimate(
    truth: np.ndarray, beside: np.ndarray, others: np.ndarray, weight: float, share: float
) -> tuple[float, float]:
    """The estimate and its standard error."""
    correction = truth - weight * beside
    variance = weight**2 * others.var(ddof=1) / len(others) + share**2 * correction.var(ddof=1) / len(truth)
    return float(weight * others.mean() + share * correction.mean()), math.sqrt(variance)


def _choose_weight(truth: np.ndarray, beside: np.ndarray, others: np.ndarray) -> float:
    """The weight with the smallest variance, between 0 and 1."""
    variance = float(np.concatenate([beside, others]).var(ddof=1))
    if variance <= 0:
        return 0.0
    covariance = float(np.cov(truth, beside, ddof=1)[0, 1])
    return min(1.0, max(0.0, covariance / ((1 + len(truth) / len(others)) * variance)))


def compute_labels_needed(distance: float, label_variance: float, alpha: float = 0.05, power: float = 0.8) -> int:
    """About how many labels show, with this power, that the mean is on this side of a limit at this distance."""
    quantiles = NormalDist().inv_cdf(1 - alpha) + NormalDist().inv_cdf(power)
    width = max(distance, 1e-3)
    return max(FEWEST_LABELS, math.ceil(quantiles**2 * label_variance / width**2), math.ceil(-math.log(alpha) / width))


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often two raters agree, and that beyond chance: Cohen's kappa, and Gwet's AC1, which rare classes spare.

    None: both gave one class only, which says nothing about chance.
    """

    share: float
    kappa: float | None
    ac1: float | None


def measure_agreement(one: ArrayLike, other: ArrayLike) -> Agreement:
    """The agreement of two raters with 0/1 judgements. Raises `ValueError` without any."""
    first, second = np.asarray(one, dtype=bool), np.asarray(other, dtype=bool)
    if not len(first) or len(first) != len(second):
        raise ValueError("two raters need the same items, at least one")
    share, p, q = float((first == second).mean()), float(first.mean()), float(second.mean())
    by_chance = p * q + (1 - p) * (1 - q)
    kappa = (share - by_chance) / (1 - by_chance) if by_chance < 1 else None
    middle = (p + q) / 2
    gwet = 2 * middle * (1 - middle)
    return Agreement(share, kappa, (share - gwet) / (1 - gwet))
