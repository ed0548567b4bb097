"""Bootstrap intervals and permutation tests, with the random generator given by the caller."""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
Statistic = Callable[[FloatArray], float]
Alternative = Literal["two-sided", "greater", "less"]


def bootstrap(
    data: ArrayLike,
    statistic: Statistic,
    rng: np.random.Generator,
    *,
    alpha: float = 0.05,
    resamples: int = 2000,
    method: Literal["bca", "percentile"] = "bca",
    groups: ArrayLike | None = None,
) -> tuple[float, float]:
    """Bounds of `statistic`, one-sided at alpha each, from resampled rows of `data`, shape (n,) or (n, columns).

    Paired outcomes are the columns of one row. `groups`, shape (n,), names what is drawn as a whole: the prompt that
    was repeated, the user, the time block (`np.arange(n) // length`); repeats are no samples. BCa is Efron's (1987),
    with the jackknife over the same units. Raises `ValueError`.
    """
    rows = np.asarray(data, dtype=float)
    units = _units(rows, groups)
    if not 0 < alpha < 0.5 or resamples < 1:
        raise ValueError(f"alpha {alpha!r} must lie in (0, 0.5) and resamples {resamples!r} be at least 1")
    draws = np.empty(resamples)
    for i in range(resamples):
        drawn = rng.integers(0, len(units), len(units))
        picked = drawn if groups is None else np.concatenate([units[j] for j in drawn])
        draws[i] = statistic(rows[picked])
    low, high = alpha, 1 - alpha
    if method == "bca":
        low, high = _bca_levels(rows, units, statistic, draws, alpha)
    lower, upper = np.quantile(draws, [low, high])
    return float(lower), float(upper)


def permutation_test(
    x: ArrayLike,
    y: ArrayLike,
    statistic: Callable[[FloatArray, FloatArray], float],
    rng: np.random.Generator,
    *,
    resamples: int = 9999,
    alternative: Alternative = "two-sided",
) -> float:
    """The p-value of "x, shape (n,), and y, shape (m,), come from one distribution", by shuffling their labels.

    Never 0: the labels as seen are one of the permutations (Phipson & Smyth 2010). "two-sided" is twice the smaller
    side, for signed differences; distances like KS take "greater". Raises `ValueError`.
    """
    first, second = _flat(x), _flat(y)
    pooled = np.concatenate([first, second])
    draws = np.empty(resamples)
    for i in range(resamples):
        shuffled = rng.permutation(pooled)
        draws[i] = statistic(shuffled[: len(first)], shuffled[len(first) :])
    return _p_value(statistic(first, second), draws, alternative)


def sign_flip_test(
    differences: ArrayLike,
    rng: np.random.Generator,
    *,
    resamples: int = 9999,
    alternative: Alternative = "two-sided",
) -> float:
    """The p-value of "paired differences, shape (n,), are symmetric about 0", by flipping their signs at random.

    The statistic is the mean; never 0, as in `permutation_test`. Raises `ValueError`.
    """
    seen = _flat(differences)
    draws = np.empty(resamples)
    for start in range(0, resamples, 1000):
        signs = rng.integers(0, 2, (min(1000, resamples - start), len(seen))) * 2 - 1
        draws[start : start + 1000] = signs @ seen / len(seen)
    return _p_value(float(seen.sum() / len(seen)), draws, alternative)


def _units(rows: FloatArray, groups: ArrayLike | None) -> list[NDArray[np.intp]]:
    if rows.ndim not in (1, 2) or not np.isfinite(rows).all():
        raise ValueError("data must be rows of finite numbers")
    labels = np.arange(len(rows)) if groups is None else np.asarray(groups)
    if labels.shape != (len(rows),):
        raise ValueError(f"{len(rows)} rows need as many group labels, not {labels.shape}")
    _, inverse = np.unique(labels, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    units = np.split(order, np.flatnonzero(np.diff(inverse[order])) + 1)
    if len(rows) == 0 or len(units) < 2:
        raise ValueError("at least two rows, or two groups, are needed to resample")
    return units


def _bca_levels(
    rows: FloatArray, units: list[NDArray[np.intp]], statistic: Statistic, draws: FloatArray, alpha: float
) -> tuple[float, float]:
    """The percentiles that correct for bias and skewness; the plain ones where all draws are on one side."""
    normal = NormalDist()
    estimate = statistic(rows)
    below = float((draws < estimate).mean() + (draws == estimate).mean() / 2)
    if not 0 < below < 1:
        return alpha, 1 - alpha
    bias = normal.inv_cdf(below)
    keep = np.ones(len(rows), dtype=bool)
    left_out = np.empty(len(units))
    for i, unit in enumerate(units):
        keep[unit] = False
        left_out[i] = statistic(rows[keep])
        keep[unit] = True
    spread = left_out.mean() - left_out
    scale = float((spread**2).sum()) ** 1.5
    acceleration = float((spread**3).sum()) / (6 * scale) if scale > 0 else 0.0

    def level(z: float) -> float:
        shifted = bias + z
        return normal.cdf(bias + shifted / (1 - acceleration * shifted))

    return level(normal.inv_cdf(alpha)), level(normal.inv_cdf(1 - alpha))


def _flat(values: ArrayLike) -> FloatArray:
    array = np.asarray(values, dtype=float)
    if array.ndim != 1 or len(array) == 0 or not np.isfinite(array).all():
        raise ValueError("a sample must be a flat, non-empty sequence of finite numbers")
    return array


def _p_value(seen: float, draws: FloatArray, alternative: Alternative) -> float:
    slack = 1e-12 * max(1.0, abs(seen))  # the same sum in another order of addition is a tie
    above = (1 + int((draws >= seen - slack).sum())) / (1 + len(draws))
    below = (1 + int((draws <= seen + slack).sum())) / (1 + len(draws))
    return {"greater": above, "less": below, "two-sided": min(1.0, 2 * min(above, below))}[alternative]
