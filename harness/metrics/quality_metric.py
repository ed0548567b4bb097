"""QualityMetric: a figure of answered rows, with what it needs and how its bounds are found.

Tested in tests/metrics/test_families.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np

from harness.core.metric import Metric
from harness.core.registry import list_plugins, load_plugin
from harness.metrics.answered_rows import AnsweredRows, Codes
from harness.stats.intervals import clopper_pearson_lower, clopper_pearson_upper
from harness.stats.resampling import MOST_BOOTSTRAPPED, Alphas, Bounds, Statistic, Values, resample_bounds

Need = Literal["classes", "scores", "numbers", "vectors"]
_FEW_CODES = 50
"""Classes up to which a product of matrices adds up faster than a count of each draw."""


def define_metric(
    name: str, title: str, definition: str, *takes: str, direction: Literal["<=", ">="] = ">=", unit: str = ""
) -> Metric:
    """A metric of labelled data; `takes`, `direction` and `unit` as `Metric` has them."""
    return Metric(name, unit, direction=direction, quality=True, takes=takes, title=title, definition=definition)


@dataclass(frozen=True, slots=True)
class Aim:
    """What of the rows an objective asks for: one class (its place among the classes), or the first k.

    Of fairness: `by` are the columns whose groups are compared (two joined by " and "), `limit` the gap that is
    allowed, `smallest` the rows that a group must have, `left_out` the groups that are not compared.
    """

    of_class: int | None = None
    k: int | None = None
    by: tuple[str, ...] = ()
    limit: float | None = None
    smallest: int = 1
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Prepared:
    """A figure ready to be computed over n rows.

    `statistic` takes weights of n + 2 rows: of the last two, the first makes the figure as low as a row can, the second
    as high.
    `weights` has the rows' own, and their mean for the two additional rows. `find_own_bounds` gives bounds that are
    better than resampling, at the alphas of the lower and the upper one; None where there are none. `n` counts the rows
    that the figure rests on. `unjudged` says why there is no figure.
    """

    statistic: Statistic
    weights: Values
    n: int
    find_own_bounds: Callable[[Alphas], Bounds] | None = None
    unjudged: str = ""

    @property
    def estimate(self) -> float:
        """The figure of the rows."""
        weights = self.weights.copy()
        weights[-2:] = 0.0
        return float(self.statistic(weights[None, :])[0])

    def find_bounds(self, alphas: Alphas, seed: int) -> Bounds:
        """The one-sided bounds, the lower at alphas[0], the upper at alphas[1]."""
        if self.find_own_bounds:
            return self.find_own_bounds(alphas)
        return resample_bounds(self.statistic, self.weights, alphas, seed)


@dataclass(frozen=True, slots=True)
class QualityMetric:
    """A figure, as a family of metrics declares it.

    `metric` is its name, direction and definition; `needs` what the answers must hold; `prepare(rows, aim)` makes it
    ready, over the rows and the classes that `aim` names. `method` says how its bounds are found; `by_class` names the
    metric that shows it class by class. `trivial` is the figure of who knows the labels and nothing of the inputs,
    where it is not that of constant answers (`answer_trivially`).
    """

    metric: Metric
    needs: tuple[Need, ...]
    prepare: Callable[[AnsweredRows, Aim], Prepared]
    method: str = "Bayesian bootstrap with an additional row"
    by_class: str = ""
    trivial: Callable[[AnsweredRows, Aim], Prepared] | None = None

    @property
    def compares_groups(self) -> bool:
        """Whether it is a gap between groups, which has a check of its own."""
        return "by" in self.metric.takes


def prepare_unjudged(reason: str) -> Prepared:
    """A figure that there is not."""
    return Prepared(lambda weights: np.full(len(weights), np.nan), np.ones(2), 0, unjudged=reason)


def add_extremes(weights: Values) -> Values:
    """The weights of n rows and of the two additional ones."""
    return np.append(weights, [weights.mean()] * 2)


def prepare_mean(values: Values, weights: Values, lowest: float, highest: float) -> Prepared:
    """The mean of a value of each row; `lowest` and `highest` are those of the additional rows."""
    extended = np.append(values, [lowest, highest])
    return Prepared(lambda drawn: (drawn @ extended) / drawn.sum(axis=1), add_extremes(weights), len(values))


def prepare_share(good: np.ndarray[tuple[int], np.dtype[np.bool_]], weights: Values) -> Prepared:
    """The share of good rows, with exact bounds; weights are worth as many rows as Kish's effective sample has."""
    prepared = prepare_mean(good.astype(float), weights, 0.0, 1.0)
    n = float(weights.sum() ** 2 / (weights**2).sum())
    k = n * prepared.estimate if n != len(good) else float(good.sum())

    def find_exact(alphas: Alphas) -> Bounds:
        return clopper_pearson_lower(min(k, n), n, alphas[0]), clopper_pearson_upper(min(k, n), n, alphas[1])

    return Prepared(prepared.statistic, prepared.weights, len(good), find_exact)


def sum_by_class(codes: Codes, weights: Values, count: int) -> Values:
    """The weights, of the shape (draws, rows), summed up for each of `count` codes: (draws, count)."""
    if count <= _FEW_CODES and len(codes) <= MOST_BOOTSTRAPPED:
        return np.asarray(weights @ np.eye(count)[codes])
    return np.stack([np.bincount(codes, row, count) for row in weights])


@cache
def list_metrics() -> tuple[QualityMetric, ...]:
    """All metrics of all families, in the order of the families' names."""
    metrics: list[QualityMetric] = []
    for name in list_plugins("metrics"):
        metrics += load_plugin("metrics", name).FAMILY
    return tuple(metrics)


def find_metric(name: str) -> QualityMetric:
    """The metric of this name. Raises `KeyError`."""
    for quality in list_metrics():
        if quality.metric.name == name:
            return quality
    raise KeyError(name)
