"""The difference of a figure between two models that answered the same rows: a paired bootstrap.

Each draw weighs a row alike for both, so that what makes a row hard for both is no difference. The additional rows of
`Prepared` take part crosswise: for the lower bound one lowers the candidate's figure as far as a row can and raises the
baseline's, for the upper bound the other way round. Tested in tests/metrics/test_paired_figures.py.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from harness.metrics.answered_rows import AnsweredRows
from harness.metrics.quality_metric import Aim, Prepared, QualityMetric, prepare_unjudged
from harness.stats.resampling import Alphas, Bounds, Values

_POWER = 0.8


def prepare_difference(metric: QualityMetric, ours: AnsweredRows, theirs: AnsweredRows, aim: Aim) -> Prepared:
    """The figure of `ours` minus that of `theirs`, the same n rows in the same order."""
    one, other = metric.prepare(ours, aim), metric.prepare(theirs, aim)
    if one.unjudged or other.unjudged:
        return prepare_unjudged(one.unjudged or f"of the baseline: {other.unjudged}")
    if not np.array_equal(one.weights[:-2], other.weights[:-2]):
        return prepare_unjudged("the figure is of other rows here than of the baseline")

    def compute(weights: Values) -> Values:
        crossed = weights.copy()
        crossed[:, -2:] = weights[:, :-3:-1]
        return one.statistic(weights) - other.statistic(crossed)

    def find_separate_bounds(alphas: Alphas) -> Bounds:
        """Each figure with half of the error: for figures that no weights of rows can change."""
        halves = alphas[0] / 2, alphas[1] / 2
        mine, theirs_bounds = one.find_bounds(halves, 0), other.find_bounds(halves[::-1], 0)
        return mine[0] - theirs_bounds[1], mine[1] - theirs_bounds[0]

    separate = None if _is_resampled(one) and _is_resampled(other) else find_separate_bounds
    return Prepared(compute, one.weights, one.n, separate)


def _is_resampled(prepared: Prepared) -> bool:
    """Whether the figure is a function of the weights: then one of the additional rows changes it."""
    weights = np.tile(prepared.weights, (3, 1))
    weights[:, -2:] = 0.0
    weights[1, -2] = weights[2, -1] = weights[0].sum()
    return len(np.unique(prepared.statistic(weights))) > 1


def compute_detectable(error: float, margin: float, alpha: float) -> float:
    """The smallest loss that FAILs in eight of ten such samples, if `error` is the difference's standard error."""
    quantiles = NormalDist().inv_cdf(1 - alpha) + NormalDist().inv_cdf(_POWER)
    return margin + quantiles * error
