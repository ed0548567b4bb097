"""PPI++ against its formula and ppi-python's figures, its error rates by simulation, and the agreement of raters."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from harness.stats.prediction_powered import compute_labels_needed, estimate_powered_mean, measure_agreement


def draw(accuracy: float, lenient: float, strict: float, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and a judge who calls wrong answers right (`lenient`) and right ones wrong (`strict`) so often."""
    random = np.random.default_rng(seed)
    truth = random.random(n) < accuracy
    judged = np.where(truth, random.random(n) >= strict, random.random(n) < lenient)
    return truth.astype(float), judged.astype(float)


def test_a_lenient_judge_is_corrected() -> None:
    truth, beside = draw(0.714, 0.43, 0.0, 300, 1)
    _, others = draw(0.714, 0.43, 0.0, 3000, 2)
    assert others.mean() == pytest.approx(0.838, abs=0.02)
    powered = estimate_powered_mean(truth, beside, others)
    assert powered.estimate == pytest.approx(0.714, abs=0.03)
    assert powered.upper < others.mean()


@pytest.mark.parametrize(
    ("case", "estimate", "lower", "upper"),
    [
        ((0.714, 0.43, 0.0), 0.70872413, 0.67630934, 0.74113892),
        ((0.9, 0.3, 0.02), 0.89526549, 0.87875386, 0.91177711),
        ((0.5, 0.1, 0.1), 0.52010238, 0.49130685, 0.54889791),
    ],
)
def test_it_is_that_of_ppi_python_but_for_wider_bounds(
    case: tuple[float, float, float], estimate: float, lower: float, upper: float
) -> None:
    """The figures are those of ppi_mean_pointestimate and ppi_mean_ci (alpha = .1, two-sided) of ppi-python 0.2.3."""
    powered = estimate_powered_mean(*draw(*case, 300, 1), draw(*case, 3000, 2)[1])
    assert powered.estimate == pytest.approx(estimate, abs=0.005)
    assert lower - 0.008 <= powered.lower <= lower + 0.001
    assert upper - 0.001 <= powered.upper <= upper + 0.008


def test_it_agrees_with_truescore_on_a_judge_that_says_83_percent_of_71() -> None:
    """truescore 0.7.4, ppi_estimate(alpha = .1) on these draws: .7147 [.6918, .7377]; the judge alone says .8335."""
    random = np.random.default_rng(1)
    truth = random.random(4000) < 0.714
    judged = np.where(truth, True, random.random(4000) < 0.4346)
    assert judged.mean() == pytest.approx(0.8335)
    powered = estimate_powered_mean(truth[:600], judged[:600], judged)
    assert powered.estimate == pytest.approx(0.7147, abs=0.005)
    assert powered.lower == pytest.approx(0.6918, abs=0.005)
    assert powered.upper == pytest.approx(0.7377, abs=0.005)
    assert powered.lower < truth.mean() < powered.upper


def test_a_judge_who_guesses_has_no_weight_and_the_labels_decide() -> None:
    truth, _ = draw(0.7, 0, 0, 400, 3)
    guesses = np.random.default_rng(4).random(4400) < 0.5
    powered = estimate_powered_mean(truth, guesses[:400], guesses[400:])
    assert powered.weight == pytest.approx(0, abs=0.1)
    assert powered.estimate == pytest.approx(truth.mean(), abs=0.01)


def test_a_judge_who_was_never_wrong_on_few_labels_is_not_taken_for_granted() -> None:
    truth, beside = draw(0.95, 0, 0, 40, 5)
    powered = estimate_powered_mean(truth, beside, draw(0.95, 0, 0, 100_000, 6)[1])
    assert powered.estimate - powered.lower > 2.5 / 40


def test_answers_that_failed_are_wrong_without_a_label() -> None:
    truth, beside = draw(0.9, 0.5, 0.05, 2000, 7)
    scores = draw(0.9, 0.5, 0.05, 8000, 8)[1]
    whole = estimate_powered_mean(truth, beside, scores)
    half = estimate_powered_mean(truth, beside, np.concatenate([scores, np.zeros(8000)]), share=0.5)
    assert half.estimate == pytest.approx(whole.estimate / 2, abs=0.01)


@pytest.mark.simulation
@pytest.mark.parametrize("n", [30, 150, 400])
def test_a_bound_errs_in_about_one_run_of_twenty(n: int) -> None:
    for case in ((0.9, 0.3, 0.02), (0.7, 0.5, 0.05), (0.97, 1.0, 0.0), (0.9, 0.0, 0.3)):
        bounds = []
        for seed in range(300):
            truth, beside = draw(*case, n, 2 * seed)
            bounds.append(estimate_powered_mean(truth, beside, draw(*case, 2000, 2 * seed + 1)[1]))
        assert np.mean([bound.lower > case[0] for bound in bounds]) <= 0.09, case
        assert np.mean([bound.upper < case[0] for bound in bounds]) <= 0.09, case


def test_more_labels_are_needed_nearer_to_the_limit() -> None:
    assert compute_labels_needed(0.1, 0.1) < compute_labels_needed(0.02, 0.1)
    assert compute_labels_needed(0.5, 0.0) == 30


def test_agreement_beyond_chance() -> None:
    truth, judged = draw(0.8, 0.4, 0.1, 500, 9)
    agreement = measure_agreement(truth, judged)
    assert agreement.share == pytest.approx((truth == judged).mean())
    assert agreement.kappa == pytest.approx(cohen_kappa_score(truth, judged))
    # Gwet (2008), table 1: 118 + 0 of 125 agree, 5 and 2 do not
    one = [1] * 118 + [1] * 5 + [0] * 2
    other = [1] * 118 + [0] * 5 + [1] * 2
    rare = measure_agreement(one, other)
    assert rare.kappa == pytest.approx(-0.0234, abs=1e-3)
    assert rare.ac1 == pytest.approx(0.9408, abs=1e-3)
    assert measure_agreement([1, 1], [1, 1]).kappa is None
    with pytest.raises(ValueError, match="same items"):
        measure_agreement([], [])


@pytest.mark.parametrize("given", [([1.0], [1.0], [1.0, 0.0]), ([1.0, 0.0], [1.0], [1.0, 0.0]), ([1, 0], [1, 0], [1])])
def test_too_little_is_refused(given: tuple[list[float], list[float], list[float]]) -> None:
    with pytest.raises(ValueError, match="not valid"):
        estimate_powered_mean(*given)
