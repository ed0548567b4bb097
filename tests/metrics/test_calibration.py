"""The calibration error of models that are calibrated, over-confident by a known distance, or have failed rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.metrics.answered_rows import AnsweredRows, make_answered_rows
from harness.metrics.families.calibration import find_confidence, measure_reliability
from harness.metrics.quality_metric import Aim, find_metric
from tests.metrics.test_answered_rows import fail

ECE = find_metric("ece")
_TURN = 0.2 + 0.6 * 8 / 15


def draw(n: int, seed: int, distance: float = 0.0) -> AnsweredRows:
    """Binary rows whose label has the stated probability, moved away from it by `distance`.

    The sign of that changes between two of fifteen bins, in none of which it can cancel out.
    """
    generator = np.random.default_rng((n, seed))
    stated = generator.uniform(0.2, 0.8, n)
    labels = (generator.random(n) < stated - distance * np.sign(stated - _TURN)).astype(int)
    scores = np.column_stack([1 - stated, stated])
    return make_answered_rows(labels, (stated > 0.5).astype(int), classes=("no", "yes"), scores=scores)


def test_the_figure_is_that_of_its_definition() -> None:
    rows = draw(300, 1)
    confidence, right = find_confidence(rows, Aim())
    bins = measure_reliability(confidence, right, rows.weights)
    assert bins.n.tolist() == [20.0] * 15
    order = np.argsort(confidence)
    expected = [abs(right[part].mean() - confidence[part].mean()) for part in np.split(order, 15)]
    assert ECE.prepare(rows, Aim()).estimate == pytest.approx(np.mean(expected), abs=0.01)
    reliability, resolution, uncertainty = bins.decompose()
    within = ((bins.right[np.searchsorted(np.unique(bins.confidence), bins.confidence)] - right.mean()) ** 2).mean()
    assert uncertainty == pytest.approx(right.mean() * (1 - right.mean()))
    assert resolution == pytest.approx(within)
    brier = ((confidence - right) ** 2).mean()
    assert reliability - resolution + uncertainty == pytest.approx(brier, abs=0.01)


def test_equal_confidences_are_one_bin() -> None:
    bins = measure_reliability(np.repeat([0.6, 0.9], 100), np.tile([1.0, 0.0], 100), np.ones(200))
    assert bins.confidence.tolist() == pytest.approx([0.6, 0.9])
    assert bins.n.tolist() == [100.0, 100.0]
    assert bins.error == pytest.approx(0.25)


def test_weights_are_repeats() -> None:
    rows = draw(200, 3)
    weights = np.where(np.arange(200) < 100, 3.0, 1.0)
    repeated = rows.select(np.repeat(np.arange(200), weights.astype(int)))
    confidence, right = find_confidence(rows, Aim())
    weighted = measure_reliability(confidence, right, weights)
    assert (weighted.shares * weighted.right).sum() == pytest.approx(find_confidence(repeated, Aim())[1].mean())


def test_failed_rows_are_confident_of_what_is_not_so() -> None:
    for rows in (draw(400, 1), _draw_three(400)):
        before, after = (ECE.prepare(part, Aim()).estimate for part in (rows, fail(rows, np.arange(0, 400, 4))))
        assert after > before + 0.1


def _draw_three(n: int) -> AnsweredRows:
    generator = np.random.default_rng(4)
    scores = generator.dirichlet([2, 2, 2], n)
    labels = np.array([generator.choice(3, p=row) for row in scores])
    return make_answered_rows(labels, scores.argmax(axis=1), classes=("a", "b", "c"), scores=scores)


def test_what_has_no_calibration_says_why() -> None:
    assert "too few" in ECE.prepare(draw(30, 1), Aim()).unjudged
    rows = draw(300, 1)
    assert "no probabilities" in ECE.prepare(replace(rows, scores=np.asarray(rows.scores) * 9), Aim()).unjudged


@pytest.mark.simulation
@pytest.mark.parametrize("n", [100, 1000, 10_000])
def test_at_most_five_in_a_hundred_verdicts_are_wrong(n: int) -> None:
    """At a true distance of 5 points: a lower bound above it is a false FAIL, an upper one under it a false PASS."""
    for distance, limit in ((0.0, 0.0), (0.05, 0.05)):
        bounds = [ECE.prepare(draw(n, seed, distance), Aim()).find_bounds((0.05, 0.05), 0) for seed in range(300)]
        assert sum(low > limit for low, _ in bounds) <= 0.05 * 300 + 10, (n, distance)
        assert sum(high < limit for _, high in bounds) <= 0.05 * 300 + 10, (n, distance)


def test_a_calibrated_model_passes_and_an_over_confident_one_fails() -> None:
    low, high = ECE.prepare(draw(3000, 1), Aim()).find_bounds((0.05, 0.05), 0)
    assert low <= 0.01
    assert high < 0.05
    assert ECE.prepare(draw(1000, 1, distance=0.15), Aim()).find_bounds((0.05, 0.05), 0)[0] > 0.05


def draw_texts(n: int, seed: int, excess: float) -> AnsweredRows:
    """Rows of three classes, answered as a language model does: with the probability of its answer alone."""
    generator = np.random.default_rng((n, seed))
    labels = generator.integers(0, 3, n)
    chance = generator.uniform(0.4, 0.9, n)
    predictions = np.where(generator.random(n) < chance, labels, (labels + 1) % 3)
    stated = np.minimum(1.0, chance + excess)
    return make_answered_rows(labels, predictions, classes=("a", "b", "c"), confidence=stated, no_scores="none")


def test_the_confidence_of_a_language_model_is_judged_without_scores_of_all_classes() -> None:
    calibrated, sharp = draw_texts(1000, 1, 0.0), draw_texts(1000, 1, 0.2)
    low, high = ECE.prepare(calibrated, Aim()).find_bounds((0.05, 0.05), 1)
    assert low < 0.02
    assert high < 0.09
    assert ECE.prepare(sharp, Aim()).find_bounds((0.05, 0.05), 1)[0] > 0.1
    assert "scores of all classes" in ECE.prepare(calibrated, Aim(1)).unjudged
    unknown = replace(calibrated, confidence=None)
    assert ECE.prepare(unknown, Aim()).unjudged == "ece needs scores, or log-probabilities of a text's tokens: none"
    chosen = calibrated.select(np.arange(5)).confidence
    assert chosen is not None
    assert len(chosen) == 5
