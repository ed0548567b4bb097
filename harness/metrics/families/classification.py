"""Figures of classes: how often, and how evenly over the classes, rows are answered with their label.

Averages are over the classes of the labels, each class counting alike. A row without an answer has a class of its own,
which no label has. Tested in tests/metrics/test_families.py.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from harness.core.metric import ACCURACY
from harness.metrics.answered_rows import NO_CLASS, AnsweredRows
from harness.metrics.quality_metric import (
    Aim,
    Prepared,
    QualityMetric,
    add_extremes,
    define_metric,
    prepare_share,
    prepare_unjudged,
    sum_by_class,
)
from harness.stats.resampling import Alphas, Bounds, Values

_Combine = Callable[[Values, Values, Values], Values]
"""Sums by class, each (draws, classes), of labels, predictions and right rows, as one figure for each draw."""


def _divide(above: Values, below: Values) -> Values:
    """The quotient, 0 where nothing is divided: a class that is never answered has a precision of 0."""
    return np.asarray(np.divide(above, below, out=np.zeros_like(above), where=below > 0))


def _average_recall(labelled: Values, predicted: Values, right: Values) -> Values:
    return _average(_divide(right, labelled), labelled)


def _average_precision(labelled: Values, predicted: Values, right: Values) -> Values:
    return _average(_divide(right, predicted), labelled)


def _average_f1(labelled: Values, predicted: Values, right: Values) -> Values:
    return _average(_divide(2 * right, labelled + predicted), labelled)


def _average(values: Values, labelled: Values) -> Values:
    """The mean over the classes that have labels: of each draw, the last class of all is that of other answers."""
    has_labels = labelled > 0
    return np.asarray((values * has_labels).sum(axis=1) / has_labels.sum(axis=1))


def _correlate(labelled: Values, predicted: Values, right: Values) -> Values:
    """Matthews' coefficient for several classes (Gorodkin 2004); 0 where all labels or all answers are one class."""
    n = labelled.sum(axis=1)
    above = right.sum(axis=1) * n - (labelled * predicted).sum(axis=1)
    below = (n**2 - (labelled**2).sum(axis=1)) * (n**2 - (predicted**2).sum(axis=1))
    return _divide(above, np.sqrt(np.maximum(below, 0.0)))


def _prepare_all(rows: AnsweredRows, combine: _Combine, *, of_answers: bool = False) -> Prepared:
    """A figure of the sums by class.

    The additional rows are of the class that is rarest among the labels, or among the answers, since it weighs the
    most: it is taken for another class, or another for it.
    """
    count = len(rows.classes) + 1
    totals = np.bincount((rows.predictions if of_answers else rows.labels) % count, rows.weights, count)
    totals[rows.label_count :] = 0
    order = np.argsort(np.where(totals > 0, totals, np.inf))
    rarest, other = int(order[0]), int(order[1])
    if totals[other] == 0:
        other = NO_CLASS
    wrong = (other, rarest) if of_answers else (rarest, other)
    labels = np.append(rows.labels, [wrong[0], rarest]) % count
    predictions = np.append(rows.predictions, [wrong[1], rarest]) % count
    right = labels == predictions

    def compute(weights: Values) -> Values:
        return combine(
            sum_by_class(labels, weights, count),
            sum_by_class(predictions, weights, count),
            sum_by_class(labels, weights * right, count),
        )

    return Prepared(compute, add_extremes(rows.weights), len(rows))


def _prepare_accuracy(rows: AnsweredRows, aim: Aim) -> Prepared:
    return prepare_share(rows.right, rows.weights)


def _prepare_balanced(rows: AnsweredRows, aim: Aim) -> Prepared:
    return _prepare_all(rows, _average_recall)


def _prepare_recall(rows: AnsweredRows, aim: Aim) -> Prepared:
    if aim.of_class is None:
        return _prepare_all(rows, _average_recall)
    return _prepare_part(rows, rows.labels == aim.of_class, "has this label")


def _prepare_precision(rows: AnsweredRows, aim: Aim) -> Prepared:
    if aim.of_class is None:
        return _prepare_all(rows, _average_precision, of_answers=True)
    return _prepare_part(rows, rows.predictions == aim.of_class, "is answered with this label")


def _prepare_part(rows: AnsweredRows, part: np.ndarray[tuple[int], np.dtype[np.bool_]], what: str) -> Prepared:
    if not part.any():
        return prepare_unjudged(f"no row of {len(rows)} {what}")
    return prepare_share(rows.right[part], rows.weights[part])


def _prepare_f1(rows: AnsweredRows, aim: Aim) -> Prepared:
    """Of one class F1 = 2 J / (1 + J), with J the share of right rows among those that have or get its label."""
    if aim.of_class is None:
        return _prepare_all(rows, _average_f1)
    jaccard = _prepare_part(
        rows,
        (rows.labels == aim.of_class) | (rows.predictions == aim.of_class),
        "has this label or is answered with it",
    )

    def compute(weights: Values) -> Values:
        share = jaccard.statistic(weights)
        return 2 * share / (1 + share)

    def find_exact(alphas: Alphas) -> Bounds:
        low, high = jaccard.find_bounds(alphas, 0)
        return 2 * low / (1 + low), 2 * high / (1 + high)

    if jaccard.unjudged:
        return jaccard
    return Prepared(compute, jaccard.weights, jaccard.n, find_exact)


def _prepare_mcc(rows: AnsweredRows, aim: Aim) -> Prepared:
    if len(np.unique(rows.labels)) == 1:
        return prepare_unjudged("MCC is not defined, since all rows have the same label")
    return _prepare_all(rows, _correlate)


_EXACT = "Clopper-Pearson"
FAMILY = (
    QualityMetric(ACCURACY, ("classes",), _prepare_accuracy, _EXACT),
    QualityMetric(
        define_metric(
            "balanced_accuracy", "balanced accuracy", "the mean over the classes of the share answered right"
        ),
        ("classes",),
        _prepare_balanced,
        by_class="recall",
    ),
    QualityMetric(
        define_metric(
            "recall", "recall", "the share of a class's rows that are answered right; without a class the mean", "class"
        ),
        ("classes",),
        _prepare_recall,
        f"{_EXACT} for one class, else the bootstrap",
        by_class="recall",
    ),
    QualityMetric(
        define_metric(
            "precision", "precision", "the share of a class's answers that are right; without a class the mean", "class"
        ),
        ("classes",),
        _prepare_precision,
        f"{_EXACT} for one class, else the bootstrap",
        by_class="precision",
    ),
    QualityMetric(
        define_metric("f1", "F1", "2 TP / (2 TP + FP + FN) of a class; without a class the mean (macro F1)", "class"),
        ("classes",),
        _prepare_f1,
        f"{_EXACT} for one class, else the bootstrap",
        by_class="f1",
    ),
    QualityMetric(
        define_metric("macro_f1", "macro F1", "the mean of the classes' F1"), ("classes",), _prepare_f1, by_class="f1"
    ),
    QualityMetric(
        define_metric("micro_f1", "micro F1", "F1 of all classes' counts together: of one label a row, the accuracy"),
        ("classes",),
        _prepare_accuracy,
        _EXACT,
    ),
    QualityMetric(
        define_metric("mcc", "MCC", "Matthews' correlation of labels and answers, from -1 to 1"),
        ("classes",),
        _prepare_mcc,
    ),
)
