"""Figures of numbers: how far the answers are from the labels.

A row without an answer counts as the number of the labels' range that is furthest from its label. Tested in
tests/metrics/test_families.py.
"""

from __future__ import annotations

import numpy as np

from harness.metrics.answered_rows import AnsweredRows
from harness.metrics.quality_metric import (
    Aim,
    Prepared,
    QualityMetric,
    add_extremes,
    define_metric,
    prepare_mean,
    prepare_unjudged,
)
from harness.stats.resampling import Values

UNIT = "label units"


def _prepare_mae(rows: AnsweredRows, aim: Aim) -> Prepared:
    errors = np.abs(rows.labels - rows.predictions)
    return prepare_mean(errors, rows.weights, float(errors.min()), float(errors.max()))


def _prepare_rmse(rows: AnsweredRows, aim: Aim) -> Prepared:
    errors = (rows.labels - rows.predictions) ** 2
    mean = prepare_mean(errors, rows.weights, float(errors.min()), float(errors.max()))
    return Prepared(lambda weights: np.sqrt(mean.statistic(weights)), mean.weights, mean.n)


def _prepare_r2(rows: AnsweredRows, aim: Aim) -> Prepared:
    labels = np.asarray(rows.labels, float)
    if np.ptp(labels) == 0:
        return prepare_unjudged(f"every label is {labels[0]:g}: there is no variation to explain")
    errors = (labels - rows.predictions) ** 2
    extremes = [int(errors.argmax()), int(errors.argmin())]
    errors, labels = np.append(errors, errors[extremes]), np.append(labels, labels[extremes])
    labels = labels - labels.mean()

    def compute(weights: Values) -> Values:
        total = weights.sum(axis=1)
        variance = weights @ labels**2 / total - (weights @ labels / total) ** 2
        return np.asarray(1 - (weights @ errors / total) / variance)

    return Prepared(compute, add_extremes(rows.weights), len(rows))


FAMILY = (
    QualityMetric(
        define_metric("mae", "MAE", "the mean distance of the answer from the label", direction="<=", unit=UNIT),
        ("numbers",),
        _prepare_mae,
    ),
    QualityMetric(
        define_metric("rmse", "RMSE", "the root of the mean squared distance", direction="<=", unit=UNIT),
        ("numbers",),
        _prepare_rmse,
    ),
    QualityMetric(
        define_metric("r2", "R²", "the share of the labels' variance that the answers explain"),
        ("numbers",),
        _prepare_r2,
    ),
)
