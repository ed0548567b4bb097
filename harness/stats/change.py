"""Whether a series of windows changes over a run: a trend or a step, where neighbours depend on one another.

The series is a level, plus a straight trend or one step, plus noise of which each value depends on the one before it
(a stationary AR(1) process with normal innovations, up to a random walk). The ratio of an estimated change to the
residual spread has a distribution that depends only on the length of the series and on that dependence, phi. It is
simulated, and phi is taken at its upper 90 % confidence bound, found by simulation too (Hansen 1999, the grid
bootstrap), because the estimate is biased downwards in a short series. Simulated error rates, with other noise too:
benchmarks/soak_errors.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

FEWEST_WINDOWS = 16
"""Windows below which no change is judged."""

_GRID = (*(i / 20 for i in range(20)), 0.98, 1.0)
_SIMULATED, _SEED = 6000, 20_240_229
_PHI_LEVEL = 0.10
_LAGS = (1, 2, 3)
_EDGE = 0.15
"""The share of the windows that lies at least before and after a step."""

_Rows = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ChangeEstimate:
    """How much a series changes from its beginning to its end, in its own unit.

    `trend` and `step` are the estimates under each model, with one-sided confidence bounds: `low` is exceeded by the
    larger of both changes and `high` is not, each at its level. `is_step` says that one step fits better than a
    straight line, `at` where the step is, as a share of the run. `phi` is the bound of the dependence.
    """

    trend: float
    step: float
    low: float
    high: float
    is_step: bool
    at: float
    phi: float

    @property
    def size(self) -> float:
        """The change under the model that fits better."""
        return self.step if self.is_step else self.trend


def estimate_change(values: ArrayLike, alpha_low: float = 0.05, alpha_high: float = 0.05) -> ChangeEstimate:
    """Estimate the change of a series, shape (windows,), with bounds that each fail with at most these probabilities.

    Raises `ValueError` for fewer than `FEWEST_WINDOWS` values, or for one that is not finite.
    """
    series = np.asarray(values, float)
    if series.ndim != 1 or len(series) < FEWEST_WINDOWS or not np.isfinite(series).all():
        raise ValueError(f"a change needs {FEWEST_WINDOWS} finite values, got {series.shape}")
    fit = _fit(series[None, :])
    null = _simulate(len(series))
    place = int(np.flatnonzero(null.phi_bounds <= fit.phi[0])[-1]) if fit.phi[0] >= null.phi_bounds[0] else 0
    spread, trend, step = float(fit.spread[0]), float(fit.trend[0]), float(fit.step[0])
    # Two looks, at the trend and at the largest step: half of each alpha to each.
    low = max(
        trend - spread * null.trend_quantile(place, 1 - alpha_low / 2),
        step - spread * null.step_quantile(place, 1 - alpha_low / 2),
    )
    high = max(
        trend + spread * null.trend_quantile(place, 1 - alpha_high / 2),
        step + spread * null.step_quantile(place, 1 - alpha_high / 2),
    )
    return ChangeEstimate(trend, step, low, high, bool(fit.is_step[0]), float(fit.at[0]), _GRID[place])


@dataclass(slots=True)
class _Fit:
    """Fits to rows of series: changes in the series' unit, the residual spread and its lag-1 correlation."""

    trend: _Rows
    step: _Rows
    spread: _Rows
    phi: _Rows
    is_step: NDArray[np.bool_]
    at: _Rows


def _fit(rows: _Rows) -> _Fit:
    count, length = rows.shape
    centred = rows - rows.mean(axis=1, keepdims=True)
    time = np.linspace(-0.5, 0.5, length)
    trend = centred @ time / (time @ time)
    first = max(2, math.ceil(_EDGE * length))
    splits = np.arange(first, length - first + 1)
    before = np.cumsum(centred, axis=1)[:, splits - 1] / splits
    after = -before * splits / (length - splits)
    steps = after - before
    best = np.argmax(np.abs(steps) * np.sqrt(splits * (length - splits)), axis=1)
    row = np.arange(count)
    place = splits[best]
    is_after = np.arange(length) >= place[:, None]
    by_trend = centred - trend[:, None] * time
    by_step = centred - np.where(is_after, after[row, best][:, None], before[row, best][:, None])
    is_step = (by_step**2).sum(axis=1) < (by_trend**2).sum(axis=1)
    residuals = np.where(is_step[:, None], by_step, by_trend)
    squares = (residuals**2).sum(axis=1)
    # A series without noise has only what floating point leaves of it.
    floor = (1e-9 * np.abs(rows).max(axis=1)) ** 2 * length
    squares = np.maximum(squares, np.maximum(floor, 1e-300))
    phi = _estimate_dependence(residuals, squares)
    return _Fit(trend, steps.max(axis=1), np.sqrt(squares / (length - 3)), phi, is_step, place / length)


def _estimate_dependence(residuals: _Rows, squares: _Rows) -> _Rows:
    """The mean of the first three autocorrelations: noise of a longer memory than AR(1) has larger later ones."""
    sums = [(residuals[:, lag:] * residuals[:, :-lag]).sum(axis=1) for lag in _LAGS]
    mean: _Rows = np.sum(sums, axis=0) / len(_LAGS) / squares
    return mean


@dataclass(slots=True)
class _Null:
    """Sorted ratios of changes to spreads where nothing changes, by the dependence of `_GRID`, and what estimate of the
    dependence is reached with the probability `_PHI_LEVEL` under each.
    """

    trends: list[_Rows]
    steps: list[_Rows]
    phi_bounds: _Rows

    def trend_quantile(self, place: int, level: float) -> float:
        return float(np.quantile(self.trends[place], level))

    def step_quantile(self, place: int, level: float) -> float:
        return float(np.quantile(self.steps[place], level))


@lru_cache(maxsize=16)
def _simulate(length: int) -> _Null:
    random = np.random.default_rng(_SEED + length)
    noise = random.standard_normal((_SIMULATED, length))
    trends, steps, bounds = [], [], []
    for phi in _GRID:
        rows = np.empty_like(noise)
        rows[:, 0] = noise[:, 0] / math.sqrt(1 - phi * phi) if phi < 1 else noise[:, 0]
        for i in range(1, length):
            rows[:, i] = phi * rows[:, i - 1] + noise[:, i]
        fit = _fit(rows)
        trends.append(np.sort(fit.trend / fit.spread))
        steps.append(np.sort(fit.step / fit.spread))
        bounds.append(float(np.quantile(fit.phi, _PHI_LEVEL)))
    return _Null(trends, steps, np.maximum.accumulate(np.asarray(bounds)))
