"""The largest gap between two of several groups' shares, with bounds that hold for all pairs at once.

The interval of a pair joins the Clopper-Pearson limits of its two shares (MOVER: Newcombe 1998, Statistics in Medicine
17:873; of ratios on the scale of logarithms, Donner and Zou 2012), which are wider than Wilson's and keep the error
rate in small groups. Among many pairs the widest gap is large by chance: for a FAIL the bounds of
all pairs hold at once. The chance that any pair is over the margin wrongly is log-concave in the true values
(Prekopa), so that it is largest where every group lies at one of two values, the margin apart. PASS needs no
correction: every pair must be under the margin.

Tested in tests/stats/test_group_gap.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from statistics import NormalDist

import numpy as np

from harness.stats.intervals import clopper_pearson_lower, clopper_pearson_upper
from harness.stats.resampling import Values

_DRAWS = 10_000
_MOST_SPLIT = 6
"""Groups up to which every way to split them in two is tried; for more, equal groups without a margin are the bound."""


@dataclass(frozen=True, slots=True)
class GapBounds:
    """`lower` holds for all pairs at once, `upper` for the pair with the largest one; `worst` are the two groups'
    places, that with the larger share first. As the difference of shares, or of their logarithms.
    """

    lower: float
    upper: float
    worst: tuple[int, int]


def bound_gap(
    good: Values, n: Values, alphas: tuple[float, float], margin: float = 0.0, *, as_ratio: bool = False
) -> GapBounds:
    """The bounds of the largest gap between the shares `good` / `n`, of the shape (groups,).

    The lower one refutes "at most the margin" at alphas[0], the upper one "at least as much" at alphas[1]. With
    `as_ratio`, gap and margin are logarithms of the larger share over the smaller one. Raises `ValueError`.
    """
    if len(n) < 2 or min(n) <= 0:
        raise ValueError("a gap needs two groups with rows")
    careful = (good + 1) / (n + 2)
    centers, errors = good / n, np.sqrt(careful * (1 - careful) / n)
    if as_ratio:
        centers, errors = np.log((good + 0.5) / (n + 1)), np.sqrt((1 - careful) / (careful * n))
    alpha = 1 - NormalDist().cdf(find_critical_distance(tuple(errors), margin, alphas[0]))
    lowers = _bound_pairs(good, n, centers, alpha, upwards=False, as_ratio=as_ratio)
    uppers = _bound_pairs(good, n, centers, alphas[1], upwards=True, as_ratio=as_ratio)
    high, low = np.unravel_index(int(lowers.argmax()), lowers.shape)
    return GapBounds(float(lowers.max()), float(uppers.max()), (int(high), int(low)))


def _bound_pairs(good: Values, n: Values, centers: Values, alpha: float, *, upwards: bool, as_ratio: bool) -> Values:
    """The bounds of each pair's difference, the first minus the second: (groups, groups), the diagonal -inf."""
    lows, highs = np.zeros(len(n)), np.ones(len(n))
    for place, (k, total) in enumerate(zip(good.tolist(), n.tolist(), strict=True)):
        lows[place] = clopper_pearson_lower(k, total, alpha)
        highs[place] = clopper_pearson_upper(k, total, alpha)
    if as_ratio:
        with np.errstate(divide="ignore"):
            lows, highs = np.log(lows), np.log(highs)
    below, above = np.maximum(centers - lows, 0.0), np.maximum(highs - centers, 0.0)
    first, second = (above, below) if upwards else (below, above)
    reach = np.sqrt(first[:, None] ** 2 + second[None, :] ** 2) * (1 if upwards else -1)
    bounds = np.asarray(centers[:, None] - centers[None, :] + reach)
    np.fill_diagonal(bounds, -np.inf)
    return bounds


@lru_cache(maxsize=256)
def find_critical_distance(errors: tuple[float, ...], margin: float, alpha: float) -> float:
    """The standard errors beyond the margin from which a pair FAILs, so that any pair FAILs wrongly at most at alpha.

    `errors` are the standard errors of the groups' values. At least the normal quantile of one pair; at most
    Bonferroni's of all pairs in both directions.
    """
    count, scale = len(errors), np.array(errors)
    pairs = count * (count - 1)
    most = NormalDist().inv_cdf(1 - alpha / pairs)
    if alpha * _DRAWS < 10:
        return most
    noise = np.random.default_rng(0).normal(size=(_DRAWS, count)) * scale
    first, second = np.nonzero(~np.eye(count, dtype=bool))
    spread = np.hypot(scale[first], scale[second])
    distances = noise[:, first] - noise[:, second]
    place = math.ceil((1 - alpha) * _DRAWS) - 1
    splits = list(product((0, 1), repeat=count - 1)) if count <= _MOST_SPLIT else []
    critical = NormalDist().inv_cdf(1 - alpha)
    for split in splits[1:]:
        places = np.array((0, *split))
        offsets = (places[first] - places[second] - 1) * margin
        critical = max(critical, float(np.partition(((distances + offsets) / spread).max(axis=1), place)[place]))
    if not splits:
        critical = max(critical, float(np.partition((distances / spread).max(axis=1), place)[place]))
    return min(most, critical)
