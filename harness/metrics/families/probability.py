"""Figures of the scores of classes: do they order the rows, and are they probabilities?

Of several classes, a figure of one class is that of its score against all others; without a class it is the mean over
the classes of the labels. Tested in tests/metrics/test_families.py.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist

import numpy as np

from harness.metrics.answered_rows import AnsweredRows, Flags
from harness.metrics.quality_metric import (
    Aim,
    Prepared,
    QualityMetric,
    add_extremes,
    define_metric,
    prepare_mean,
    prepare_share,
    prepare_unjudged,
)
from harness.stats.resampling import Alphas, Bounds, Values

SMALLEST = 1e-6
"""No probability counts as smaller in a log-loss: this is that of the label of a row without an answer."""

_FEWEST_OF_A_SIDE = 10

_Rank = Callable[[Values, Values], Values]
"""The mass of positives and of negatives at each distinct score, the highest first, as one figure for each draw."""


def _divide(above: Values, below: Values) -> Values:
    return np.asarray(np.divide(above, below, out=np.zeros_like(above), where=below > 0))


def _compute_auc(positive: Values, negative: Values) -> Values:
    """The chance that a positive row has a higher score than a negative one; equal scores count half."""
    below = negative.sum(axis=1, keepdims=True) - np.cumsum(negative, axis=1) + negative / 2
    return _divide((positive * below).sum(axis=1), positive.sum(axis=1) * negative.sum(axis=1))


def _compute_average_precision(positive: Values, negative: Values) -> Values:
    above = np.cumsum(positive, axis=1)
    precision = _divide(above, above + np.cumsum(negative, axis=1))
    return _divide((positive * precision).sum(axis=1), positive.sum(axis=1))


def _prepare_class(rows: AnsweredRows, of_class: int, rank: _Rank) -> Prepared:
    """One class against all others; the additional rows are positives or negatives, whichever are fewer."""
    assert rows.scores is not None
    is_positive = rows.labels == of_class
    if is_positive.all() or not is_positive.any():
        return prepare_unjudged(f"all rows or none have the label {rows.classes[of_class]!r}: nothing can be ordered")
    rare = is_positive.mean() <= 0.5
    is_positive = np.append(is_positive, [rare, rare])
    worst = -np.inf if rare else np.inf
    scores = np.append(rows.scores[:, of_class], [worst, -worst])
    order = np.argsort(-scores, kind="stable")
    ordered, positive = scores[order], is_positive[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))

    def compute(weights: Values) -> Values:
        drawn = weights[:, order]
        masses = drawn * positive, drawn * ~positive
        if len(starts) < len(order):  # equal scores are one threshold
            masses = np.add.reduceat(masses[0], starts, axis=1), np.add.reduceat(masses[1], starts, axis=1)
        return rank(*masses)

    return Prepared(compute, add_extremes(rows.weights), len(rows))


def _average_classes(rows: AnsweredRows, prepare: Callable[[int], Prepared]) -> Prepared:
    parts = [prepare(of_class) for of_class in np.unique(rows.labels)]
    if unjudged := next((part for part in parts if part.unjudged), None):
        return unjudged

    def compute(weights: Values) -> Values:
        return np.asarray(np.mean([part.statistic(weights) for part in parts], axis=0))

    return Prepared(compute, parts[0].weights, len(rows))


def _prepare_auc(rows: AnsweredRows, aim: Aim) -> Prepared:
    of_class = aim.of_class
    if of_class is None and rows.label_count == 2:
        of_class = 1  # that of the other class is the same
    if of_class is None:
        return _average_classes(rows, lambda number: _prepare_class(rows, number, _compute_auc))
    prepared = _prepare_class(rows, of_class, _compute_auc)
    if prepared.unjudged:
        return prepared
    find_delong = _make_delong(rows, rows.labels == of_class, of_class)
    return Prepared(prepared.statistic, prepared.weights, prepared.n, find_delong)


def _make_delong(rows: AnsweredRows, is_positive: Flags, of_class: int) -> Callable[[Alphas], Bounds] | None:
    """DeLong's variance (1988) on the scale of logits; None where it has no meaning.

    That is where the area is 0 or 1, or where a side has few rows.
    """
    assert rows.scores is not None
    if min(is_positive.sum(), (~is_positive).sum()) < _FEWEST_OF_A_SIDE:
        return None
    scores, weights = rows.scores[:, of_class], rows.weights
    positive, negative = _place(scores, weights, is_positive), _place(scores, weights, ~is_positive)
    area = float(np.average(positive, weights=weights[is_positive]))
    variance = 0.0
    for placed, mass, center in (
        (positive, weights[is_positive], area),
        (negative, weights[~is_positive], 1 - area),
    ):
        shares = mass / mass.sum()
        n = 1 / float((shares**2).sum())
        variance += float((shares**2 * (placed - center) ** 2).sum()) * n / max(n - 1, 1)
    if not 0 < area < 1 or variance <= 0:
        return None
    logit, error = np.log(area / (1 - area)), np.sqrt(variance) / (area * (1 - area))

    def find_delong(alphas: Alphas) -> Bounds:
        low, high = (NormalDist().inv_cdf(1 - alpha) * error for alpha in alphas)
        return float(1 / (1 + np.exp(low - logit))), float(1 / (1 + np.exp(-high - logit)))

    return find_delong


def _place(scores: Values, weights: Values, ours: Flags) -> Values:
    """The share of the other rows that each of ours is placed before, ties half: DeLong's structural components.

    Positives are before lower scores, negatives before higher ones, by symmetry: both are counted from below, and the
    caller compares those of the negatives with 1 - area.
    """
    others, mass = scores[~ours], weights[~ours]
    order = np.argsort(others, kind="stable")
    ranked, sums = others[order], np.append(0.0, np.cumsum(mass[order]))
    below = sums[np.searchsorted(ranked, scores[ours], "left")]
    upto = sums[np.searchsorted(ranked, scores[ours], "right")]
    return np.asarray((below + upto) / (2 * sums[-1]))


def _prepare_pr_auc(rows: AnsweredRows, aim: Aim) -> Prepared:
    if aim.of_class is None:
        return _average_classes(rows, lambda number: _prepare_class(rows, number, _compute_average_precision))
    return _prepare_class(rows, aim.of_class, _compute_average_precision)


def find_probability_problem(rows: AnsweredRows) -> str:
    """Why the scores are no probabilities; empty if they are."""
    assert rows.scores is not None
    answered = np.flatnonzero(~rows.failed)
    sums, lowest = rows.scores[answered].sum(axis=1), rows.scores[answered].min(axis=1, initial=0.0)
    wrong = np.flatnonzero((np.abs(sums - 1) > 0.01) | (lowest < 0))
    if not len(wrong):
        return ""
    number, total = int(rows.numbers[answered[wrong[0]]]), float(sums[wrong[0]])
    return f"the scores are no probabilities: those of row {number} sum to {total:.3g} ({len(wrong)} rows)"


def _get_label_probabilities(rows: AnsweredRows) -> Values:
    assert rows.scores is not None
    return np.asarray(np.clip(rows.scores[np.arange(len(rows)), rows.labels], 0.0, 1.0))


def find_chance_problem(name: str, rows: AnsweredRows) -> str:
    """Why there are no probabilities: of every class, or of the answered one alone; empty if there are."""
    if rows.scores is not None:
        return find_probability_problem(rows)
    if rows.confidence is None:
        return f"{name} needs scores, or log-probabilities of a text's tokens: {rows.no_scores}"
    return ""


def _prepare_log_loss(rows: AnsweredRows, aim: Aim) -> Prepared:
    if problem := find_chance_problem("log_loss", rows):
        return prepare_unjudged(problem)
    if rows.scores is None:
        assert rows.confidence is not None
        chances = np.where(rows.right, rows.confidence, 1 - rows.confidence)
    else:
        chances = _get_label_probabilities(rows)
    values = -np.log(np.maximum(chances, SMALLEST))
    return prepare_mean(values, rows.weights, float(values.min()), float(values.max()))


def _prepare_brier(rows: AnsweredRows, aim: Aim) -> Prepared:
    if problem := find_chance_problem("brier", rows):
        return prepare_unjudged(problem)
    if rows.scores is None:
        assert rows.confidence is not None
        return prepare_mean((rows.confidence - rows.right) ** 2, rows.weights, 0.0, 1.0)
    distances = np.clip(rows.scores, 0.0, 1.0)
    distances[np.arange(len(rows)), rows.labels] -= 1.0
    values = np.where(rows.failed, 1.0, (distances**2).sum(axis=1) / 2)
    return prepare_mean(values, rows.weights, 0.0, 1.0)


def _prepare_top_k(rows: AnsweredRows, aim: Aim) -> Prepared:
    assert rows.scores is not None
    assert aim.k is not None
    if aim.k >= rows.label_count:
        return prepare_unjudged(f"of {rows.label_count} classes, the first {aim.k} always hold the label")
    own = rows.scores[np.arange(len(rows)), rows.labels][:, None]
    return prepare_share((rows.scores >= own).sum(axis=1) <= aim.k, rows.weights)


FAMILY = (
    QualityMetric(
        define_metric(
            "roc_auc",
            "ROC-AUC",
            "the chance that a row of the class has a higher score than a row of another one",
            "class",
        ),
        ("classes", "scores"),
        _prepare_auc,
        "DeLong on the scale of logits for one class, else the bootstrap",
        by_class="roc_auc",
    ),
    QualityMetric(
        define_metric(
            "pr_auc",
            "PR-AUC",
            "average precision: the mean of the precision at each row of the class, by falling score",
            "class",
        ),
        ("classes", "scores"),
        _prepare_pr_auc,
        by_class="pr_auc",
    ),
    QualityMetric(
        define_metric(
            "log_loss",
            "log-loss",
            "the mean of -ln of the label's probability, of which none counts as under 1e-6",
            direction="<=",
            unit="nats",
        ),
        ("classes",),
        _prepare_log_loss,
    ),
    QualityMetric(
        define_metric(
            "brier",
            "Brier score",
            "half the mean squared distance of the probabilities from 1 for the label and 0 for the others",
            direction="<=",
        ),
        ("classes",),
        _prepare_brier,
    ),
    QualityMetric(
        define_metric(
            "top_k",
            "top-k accuracy",
            "the share of rows whose label is among the k highest scores, equal ones counted against it",
            "k",
        ),
        ("classes", "scores"),
        _prepare_top_k,
        "Clopper-Pearson",
    ),
)
