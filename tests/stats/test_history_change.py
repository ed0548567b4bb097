"""A figure over runs: a planted change is found, alarms without one keep the stated rate, noise decides nothing."""

from __future__ import annotations

import numpy as np
import pytest

from harness.stats.history_change import judge_history


def make_history(seed: int, spread: float, step: float = 0.0, begin: int = 20, n: int = 30) -> list[float]:
    """Latencies of runs, log-normal around 300 ms, `step` more from run `begin` on."""
    generator = np.random.default_rng(seed)
    values = 0.3 * np.exp(generator.normal(0.0, spread, n))
    values[begin:] *= 1 + step
    return [float(value) for value in values]


@pytest.mark.parametrize("begin", [10, 15, 20, 24])
def test_a_planted_regression_is_found_where_runs_differ_little(begin: int) -> None:
    verdicts = [judge_history(make_history(seed, 0.02, 0.08, begin), 0.05) for seed in range(8)]
    assert {verdict.state for verdict in verdicts} == {"changed"}
    assert all(abs(verdict.begin - begin) <= 2 for verdict in verdicts)
    assert all(0.05 < verdict.change < 0.11 for verdict in verdicts)
    assert all(0.01 < verdict.spread < 0.035 for verdict in verdicts)


def test_where_they_differ_much_nothing_is_decided() -> None:
    for step in (0.0, 0.08):
        verdicts = [judge_history(make_history(seed, 0.10, step), 0.05) for seed in range(10)]
        assert {verdict.state for verdict in verdicts} == {"undecided"}
        assert all(verdict.visible > 0.05 for verdict in verdicts)


def test_a_slow_slide_is_found_by_its_sum() -> None:
    slides = [1.005**k * value for k, value in enumerate(make_history(5, 0.02))]
    verdict = judge_history(slides, 0.05)
    assert verdict.state == "changed"
    assert verdict.change > 0.05


def test_an_improvement_is_a_change_too() -> None:
    assert judge_history(make_history(1, 0.02, -0.08), 0.05).change < -0.05


@pytest.mark.parametrize("values", [[], [0.3] * 9, [0.3] * 9 + [0.0], [0.3] * 10 + [float("nan")]])
def test_too_few_runs_or_no_figures_decide_nothing(values: list[float]) -> None:
    with np.errstate(divide="ignore", invalid="ignore"):
        assert judge_history(values, 0.05).state == "undecided"


def test_equal_runs_are_steady() -> None:
    assert judge_history([0.3] * 12, 0.05).state == "steady"


def count_alarms(histories: int, spread: float) -> int:
    states = [judge_history(make_history(seed, spread), 0.02, seed=seed).state for seed in range(histories)]
    return states.count("changed")


def test_a_sample_of_histories_without_change_raises_few_alarms() -> None:
    assert count_alarms(30, 0.008) <= 5  # at 5 %: more happens once in two hundred samples


@pytest.mark.simulation
def test_alarms_without_change_keep_the_stated_rate() -> None:
    alarms = count_alarms(1000, 0.008)
    assert alarms <= 66, f"{alarms} of 1,000"  # 5 % and 2.3 standard errors


@pytest.mark.simulation
@pytest.mark.parametrize("spread", [0.02, 0.10])
def test_a_thousand_histories_with_a_regression(spread: float) -> None:
    states = [judge_history(make_history(seed, spread, 0.08), 0.05, seed=seed).state for seed in range(1000)]
    if spread == 0.02:
        assert states.count("changed") >= 980
    else:
        assert states.count("undecided") >= 980
