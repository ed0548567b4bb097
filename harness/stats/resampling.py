"""Confidence bounds for a figure of n rows that has no exact interval: a mean, an F1, a correlation.

Few rows: a Bayesian bootstrap (Rubin 1981) in which one more row takes part. For the lower bound it lowers the figure
as far as a row can, for the upper one it raises it. Of a share these bounds are Clopper and Pearson's; of a mean of
bounded values Gaffke's (2005), which Learned-Miller and Thomas (2020, arXiv:1905.06208) compare. The additional row
keeps a flawless sample from being a proof. Many rows: a jackknife over groups of rows, with the same additional row.

Tested in tests/metrics/test_families.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Alphas = tuple[float, float]
Bounds = tuple[float, float]
"""Error rates of the lower and the upper bound, and these bounds."""
Statistic = Callable[[Values], Values]
"""Weights of the rows, of the shape (draws, n), as the figure of each draw, of the shape (draws,)."""

MOST_BOOTSTRAPPED = 10_000
"""Rows above which groups of them are left out in place of a bootstrap."""

_DRAWS, _BEYOND = 2000, 5
"""Draws at least, and draws beyond a bound at least."""
_GROUPS, _MOST_AT_ONCE = 100, 1_000_000


def resample_bounds(
    statistic: Statistic, weights: Values, alphas: tuple[float, float], seed: int
) -> tuple[float, float]:
    """The one-sided bounds of a figure: the lower at alphas[0], the upper at alphas[1].

    `weights` are those of the n rows, of which the last two are no samples: the row that lowers the figure the most and
    the one that raises it the most, each with the weight of a mean row. Raises `ValueError` for fewer than one row.
    """
    n = len(weights) - 2
    if n < 1:
        raise ValueError("there is no row to find the bounds of")
    find_side = _bootstrap_side if n <= MOST_BOOTSTRAPPED else _jackknife_side
    return find_side(statistic, weights, alphas[0], seed, -2), find_side(statistic, weights, alphas[1], seed, -1)


def _bootstrap_side(statistic: Statistic, weights: Values, alpha: float, seed: int, extreme: int) -> float:
    generator = np.random.default_rng((seed, -extreme))
    taken = _take_part(weights, extreme)
    height = max(1, _MOST_AT_ONCE // len(weights))
    draws = max(_DRAWS, math.ceil(_BEYOND / alpha))
    values = np.concatenate(
        [
            statistic(generator.standard_exponential((min(height, draws - start), len(weights))) * taken)
            for start in range(0, draws, height)
        ]
    )
    place = max(0, int(alpha * draws) - 1)
    if extreme == -1:
        place = draws - 1 - place
    return float(np.partition(values, place)[place])


def _jackknife_side(statistic: Statistic, weights: Values, alpha: float, seed: int, extreme: int) -> float:
    taken = _take_part(weights, extreme)
    groups = np.random.default_rng((seed, 0)).permutation(len(weights)) % _GROUPS
    groups[-2:] = -1
    values = np.array([float(statistic((taken * (groups != group))[None, :])[0]) for group in range(_GROUPS)])
    whole = float(statistic(taken[None, :])[0])
    error = math.sqrt((_GROUPS - 1) / _GROUPS * float(((values - values.mean()) ** 2).sum()))
    z = NormalDist().inv_cdf(1 - alpha)
    quantile = z + (z**3 + z) / (4 * (_GROUPS - 1))  # of Student's t, to the first order
    return whole - error * quantile if extreme == -2 else whole + error * quantile


def _take_part(weights: Values, extreme: int) -> Values:
    """The weights with one of the two additional rows left out."""
    taken = weights.astype(float)
    taken[-1 if extreme == -2 else -2] = 0.0
    return taken


def compute_rows_needed(n: int, estimate: float, bound: float, alpha: float, edge: float) -> int | None:
    """The size of a new sample whose bound lies beyond `edge` with probability .8, if the figure is the estimate.

    `bound` is the one at alpha of this sample, on the side of the edge. None if the estimate lies on the edge or
    beyond it, or over ten million rows are needed.
    """
    z = NormalDist().inv_cdf(1 - alpha)
    error, distance = abs(estimate - bound) / z, abs(estimate - edge)
    if distance == 0 or (bound - estimate) * (edge - estimate) <= 0:
        return None
    needed = n * (error * (z + NormalDist().inv_cdf(0.8)) / distance) ** 2
    return max(n + 1, math.ceil(needed)) if needed <= 10_000_000 else None
