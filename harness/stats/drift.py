"""How far the distribution of a column lies from that of a reference: PSI, the Kolmogorov-Smirnov distance, Cramer's V.

All are over 0 without any drift, the more so the fewer rows there are. PSI, over 1/n + 1/m, and chi-square have a
noncentral chi-square distribution (Yurdakul and Naranjo 2020, Journal of Risk Model Validation 14:89, at no drift),
whose tails Sankaran's approximation gives (1963, Biometrika 50:199). The Kolmogorov-Smirnov distance is bounded by
Massart's inequality. So the noise at this n is part of each bound. That there is any drift at all, a permutation of the
rows shows.

Tested in tests/stats/test_drift.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.stats.resampling import Values

Places = NDArray[np.int64]
DriftMeasure = Literal["psi", "ks", "cramers_v", "mmd"]

_MOST_BINS, _ROWS_IN_BIN, _RARE = 10, 20, 10


@dataclass(frozen=True, slots=True)
class Effect:
    """How far two samples are apart, with one-sided bounds, and p of "at most the limit"."""

    measure: DriftMeasure
    estimate: float
    lower: float
    upper: float
    p: float


@dataclass(frozen=True, eq=False)
class CodedColumn:
    """A column of both samples: the place of each row's bin or level, the `m` rows of the reference first.

    `ranks` are those of numbers, for the Kolmogorov-Smirnov distance; None for texts.
    """

    codes: Places
    m: int
    levels: int
    ranks: Places | None = None

    def count(self, codes: Places) -> tuple[Values, Values]:
        """The rows of each level, of the reference and of the others."""
        reference, current = (np.bincount(part, minlength=self.levels) for part in (codes[: self.m], codes[self.m :]))
        return reference.astype(float), current.astype(float)


def code_numbers(reference: Values, current: Values) -> CodedColumn:
    """Numbers (NaN: none) in ten bins of equal mass, fewer of few rows; a frequent number has a bin of its own."""
    pooled = np.concatenate([reference, current])
    known = pooled[~np.isnan(pooled)]
    bins = min(len(known) + 1, max(2, min(_MOST_BINS, min(len(reference), len(current)) // _ROWS_IN_BIN)))
    masses = np.repeat([1 / len(reference), 1 / len(current)], [len(reference), len(current)])[~np.isnan(pooled)]
    order = np.argsort(known, kind="stable")
    shares = np.cumsum(masses[order])
    places = np.searchsorted(shares, np.arange(1, bins) / bins * masses.sum())
    values, counts = np.unique(known[order][places], return_counts=True)
    frequent = np.nextafter(values[counts > 1], -np.inf)
    edges = np.unique(np.concatenate([values, frequent]))
    codes = np.where(np.isnan(pooled), len(edges) + 1, np.searchsorted(edges, pooled, side="left"))
    levels, places = np.unique(codes, return_inverse=True)
    return CodedColumn(places, len(reference), len(levels), np.unique(pooled, return_inverse=True)[1])


def code_texts(reference: Sequence[str], current: Sequence[str]) -> CodedColumn:
    """Texts as levels; those of fewer than ten rows of both samples are one level."""
    _, places, counts = np.unique(np.array([*reference, *current]), return_inverse=True, return_counts=True)
    rare = counts[places] < _RARE
    levels, codes = np.unique(np.where(rare, -1, places), return_inverse=True)
    return CodedColumn(codes, len(reference), len(levels))


def measure_drift(column: CodedColumn, measure: DriftMeasure, limit: float, alpha: float) -> Effect:
    """The effect with its bounds at alpha each, and p of "at most the limit"."""
    m, n = column.m, len(column.codes) - column.m
    if measure == "ks" and column.ranks is not None:
        distance = _compute_distance(column.ranks, m)
        scale = math.sqrt((1 / m + 1 / n) / 2)
        reach = scale * math.sqrt(math.log(2 / alpha))
        p = 2 * math.exp(-((max(0.0, distance - limit) / scale) ** 2))
        return Effect("ks", distance, max(0.0, distance - reach), min(1.0, distance + reach), min(1.0, p))
    freedom = column.levels - 1
    if freedom < 1:
        return Effect(measure, 0.0, 0.0, 0.0, 1.0)
    if measure == "psi":
        estimate, unit, power = compute_psi(*column.count(column.codes)), 1 / m + 1 / n, 1
    else:
        measure, unit, power = "cramers_v", (1 / m + 1 / n) / 4, 2
        estimate = compute_cramers_v(*column.count(column.codes))
    lower, upper = _bound_noncentrality(estimate**power / unit, freedom, alpha)
    p = 1 - _chi_square_cdf(estimate**power / unit, freedom, limit**power / unit)
    return Effect(measure, estimate, (lower * unit) ** (1 / power), (upper * unit) ** (1 / power), p)


def compute_psi(reference: Values, current: Values) -> float:
    """The population stability index of counts by level; half a row is added to each, so that none is empty."""
    p, q = ((counts + 0.5) / (counts.sum() + 0.5 * len(counts)) for counts in (reference, current))
    return float(((q - p) * np.log(q / p)).sum())


def compute_cramers_v(reference: Values, current: Values) -> float:
    """The root of Pearson's chi-square of counts by level over the rows, as if both samples were equally large."""
    p, q = reference / reference.sum(), current / current.sum()
    return math.sqrt(float(((p - q) ** 2 / np.where(p + q > 0, p + q, 1)).sum() / 2))


def _compute_distance(ranks: Places, m: int) -> float:
    """The largest difference of the two cumulative shares."""
    size = int(ranks.max()) + 1
    first, second = np.bincount(ranks[:m], minlength=size), np.bincount(ranks[m:], minlength=size)
    return float(np.abs(np.cumsum(first) / m - np.cumsum(second) / (len(ranks) - m)).max())


def compute_permutation_p(column: CodedColumn, measure: DriftMeasure, permutations: int, seed: int) -> float:
    """The share of random divisions of all rows into two samples of these sizes that are at least as far apart."""
    generator = np.random.default_rng(seed)

    def compute(order: Places) -> float:
        if measure == "ks" and column.ranks is not None:
            return _compute_distance(column.ranks[order], column.m)
        counts = column.count(column.codes[order])
        return compute_psi(*counts) if measure == "psi" else compute_cramers_v(*counts)

    return permute(compute, len(column.codes), permutations, generator)


def permute(compute: Callable[[Places], float], size: int, permutations: int, generator: np.random.Generator) -> float:
    """p of the statistic of the rows in their own order among those of random orders."""
    observed = compute(np.arange(size)) - 1e-12
    at_least = sum(compute(generator.permutation(size)) >= observed for _ in range(permutations))
    return (1 + at_least) / (1 + permutations)


def adjust_by_rank(p: Sequence[float]) -> list[float]:
    """Benjamini and Hochberg's adjusted p values (1995), in the order given."""
    order = np.argsort(p)
    adjusted = np.asarray(p)[order] * len(p) / np.arange(1, len(p) + 1)
    result = np.empty(len(p))
    result[order] = np.minimum(1.0, np.minimum.accumulate(adjusted[::-1])[::-1])
    return result.tolist()


def _bound_noncentrality(value: float, freedom: int, alpha: float) -> tuple[float, float]:
    """The noncentralities at which a chi-square is at least, and at most, this value with probability alpha."""
    bounds = []
    for share in (1 - alpha, alpha):
        low, high = 0.0, value + 20 * math.sqrt(value + 1) + 20
        if _chi_square_cdf(value, freedom, 0.0) < share:
            high = 0.0
        for _ in range(60 if high else 0):
            middle = (low + high) / 2
            low, high = (middle, high) if _chi_square_cdf(value, freedom, middle) > share else (low, middle)
        bounds.append(high)
    return bounds[0], bounds[1]


def _chi_square_cdf(value: float, freedom: int, noncentrality: float) -> float:
    """P(X <= value) for a noncentral chi-square X, by Sankaran's approximation."""
    if value <= 0:
        return 0.0
    if freedom == 1:
        root, shift = math.sqrt(value), math.sqrt(noncentrality)
        return NormalDist().cdf(root - shift) - NormalDist().cdf(-root - shift)
    first, second, third = (freedom + k * noncentrality for k in (1, 2, 3))
    h = 1 - 2 * first * third / (3 * second**2)
    p, m = second / first**2, (h - 1) * (1 - 3 * h)
    mean = 1 + h * p * (h - 1 - 0.5 * (2 - h) * m * p)
    return NormalDist().cdf(((value / first) ** h - mean) / (h * math.sqrt(2 * p) * (1 + 0.5 * m * p)))
