"""Differences of figures between two models on the same rows: none between equals, and bounds err in 5 % at most."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.metrics.answered_rows import AnsweredRows, make_answered_rows
from harness.metrics.paired_figures import compute_detectable, prepare_difference
from harness.metrics.quality_metric import Aim, find_metric, list_metrics

ALPHAS = (0.05, 0.05)


def make_rows(n: int, sharpness: float, seed: int, hardness: float = 1.0) -> AnsweredRows:
    """Two classes; both models see the same input with a noise of their own."""
    labels = np.arange(n) % 2
    inputs = np.random.default_rng(1).normal(0, hardness, n)
    own = np.random.default_rng(seed).normal(0, 0.3, n)
    chance = 1 / (1 + np.exp(-sharpness * (labels * 2 - 1 + inputs + own)))
    scores = np.stack([1 - chance, chance], axis=1)
    return make_answered_rows(labels, (chance > 0.5).astype(int), classes=("a", "b"), scores=scores)


OF_CLASSES = [m for m in list_metrics() if set(m.needs) <= {"classes", "scores"} and not m.compares_groups]


@pytest.mark.parametrize("name", [m.metric.name for m in OF_CLASSES])
def test_a_model_does_not_differ_from_itself_and_its_bounds_lie_on_both_sides_of_0(name: str) -> None:
    metric, rows, aim = find_metric(name), make_rows(300, 2.0, 2), Aim(k=1 if name == "top_k" else None)
    same = prepare_difference(metric, rows, rows, aim)
    if same.unjudged:
        return
    low, high = same.find_bounds(ALPHAS, 1)
    assert same.estimate == 0
    assert low < 0 < high


def test_pairs_tell_more_than_two_samples_and_the_sides_are_mirrored() -> None:
    metric, ours, theirs = find_metric("log_loss"), make_rows(500, 2.0, 2), make_rows(500, 2.0, 3)
    difference = prepare_difference(metric, ours, theirs, Aim())
    low, high = difference.find_bounds(ALPHAS, 1)
    alone = metric.prepare(ours, Aim()).find_bounds(ALPHAS, 1)
    assert high - low < alone[1] - alone[0]
    mirrored = prepare_difference(metric, theirs, ours, Aim())
    assert mirrored.estimate == pytest.approx(-difference.estimate)
    assert mirrored.find_bounds(ALPHAS, 1) == pytest.approx((-high, -low), abs=0.02)


def test_an_over_confident_model_differs_in_its_calibration_and_a_figure_without_rows_has_bounds() -> None:
    metric, calibrated, sharp = find_metric("ece"), make_rows(2000, 1.9, 2), make_rows(2000, 12.0, 2)
    difference = prepare_difference(metric, sharp, calibrated, Aim())
    assert difference.find_own_bounds is not None
    low, _ = difference.find_bounds(ALPHAS, 1)
    assert low > 0.02
    assert difference.estimate == pytest.approx(
        metric.prepare(sharp, Aim()).estimate - metric.prepare(calibrated, Aim()).estimate
    )


def test_a_figure_that_one_side_lacks_is_not_judged() -> None:
    metric, rows = find_metric("roc_auc"), make_rows(50, 2.0, 2)
    one_class = replace(rows, labels=np.zeros(50, np.int64))
    assert prepare_difference(metric, rows, one_class, Aim()).unjudged


def test_the_detectable_loss_is_the_margin_and_two_and_a_half_errors() -> None:
    assert compute_detectable(0.01, 0.02, 0.05) == pytest.approx(0.02 + 2.4865 * 0.01, abs=1e-4)


@pytest.mark.simulation
@pytest.mark.parametrize("name", ["balanced_accuracy", "log_loss"])
@pytest.mark.parametrize("n", [100])
def test_each_bound_errs_in_five_percent_at_most(name: str, n: int) -> None:
    """200 samples are drawn; the true difference is measured on 200,000 rows."""
    metric, runs = find_metric(name), 200
    generator = np.random.default_rng(4)

    def draw(size: int) -> tuple[AnsweredRows, AnsweredRows]:
        labels, inputs = generator.integers(0, 2, size), generator.normal(0, 1, size)
        sides = []
        for noise, sharpness in ((0.5, 2.0), (0.3, 1.6)):
            chance = 1 / (1 + np.exp(-sharpness * (labels * 2 - 1 + inputs + generator.normal(0, noise, size))))
            scores = np.stack([1 - chance, chance], axis=1)
            sides.append(make_answered_rows(labels, (chance > 0.5).astype(int), classes=("a", "b"), scores=scores))
        return sides[0], sides[1]

    truth = prepare_difference(metric, *draw(200_000), Aim()).estimate
    bounds = [prepare_difference(metric, *draw(n), Aim()).find_bounds(ALPHAS, 1) for _ in range(runs)]
    assert sum(low > truth for low, _ in bounds) <= 18
    assert sum(high < truth for _, high in bounds) <= 18
