"""The decision on recovery: Fisher's test against scipy, and error rates by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import fisher_exact

from benchmarks.recovery_errors import COURSES, Course, simulate_recovery
from harness.core.verdict import Status
from harness.stats.recovery import (
    bound_recovery,
    compute_excess_p,
    decide_recovery,
    estimate_recovery,
    measure_yardstick,
    shows_effect,
)

STEADY = [0.02] * 50
YARDSTICK = measure_yardstick(STEADY, 10.0)
COURSE = {course.name: course for course in COURSES}


@given(st.integers(1, 60), st.integers(1, 60), st.data())
def test_the_excess_is_fishers(m: int, n: int, data: st.DataObject) -> None:
    k, j = data.draw(st.integers(0, m)), data.draw(st.integers(0, n))
    expected = fisher_exact([[k, m - k], [j, n - j]], alternative="greater")[1]
    assert compute_excess_p(k, m, j, n) == pytest.approx(expected, rel=1e-8, abs=1e-14)


def test_counts_may_be_real_numbers() -> None:
    assert compute_excess_p(3, 10, 1.0, 20.0) < compute_excess_p(3, 10, 1.5, 20.0) < compute_excess_p(3, 10, 2.0, 20.0)


@pytest.mark.parametrize("course", COURSES, ids=lambda course: course.name)
@pytest.mark.parametrize(("errors", "sigma"), [(0.01, 0.8), (0.04, 2.0)])
def test_both_error_rates_are_bounded(course: Course, errors: float, sigma: float) -> None:
    assert simulate_recovery(course, 10.0, errors, sigma, 100).get(course.wrong) <= 0.08


@pytest.mark.parametrize("sigma", [0.3, 1.6])
def test_a_recovery_at_once_passes_and_a_late_one_fails(sigma: float) -> None:
    assert simulate_recovery(COURSE["at once"], 10.0, 0.01, sigma, 100).get(Status.PASS) >= 0.8
    assert simulate_recovery(COURSE["after 3 s"], 10.0, 0.01, sigma, 100).get(Status.FAIL) >= 0.9
    assert simulate_recovery(COURSE["never"], 10.0, 0.01, sigma, 100).get(Status.FAIL) >= 0.95


def test_latencies_that_depend_on_one_another_count_less() -> None:
    random = np.random.default_rng(1)
    walk = np.exp(np.cumsum(random.normal(size=200)) * 0.1)
    assert measure_yardstick(walk, 10.0).clumping > 5
    assert measure_yardstick(random.permutation(walk), 10.0).clumping == 1.0


def test_a_baseline_without_a_good_answer_is_no_yardstick() -> None:
    with pytest.raises(ValueError, match="no yardstick"):
        measure_yardstick([math.inf] * 5, 10.0)


def test_too_few_answers_decide_nothing() -> None:
    yardstick = measure_yardstick(STEADY, 10.0)
    assert decide_recovery(yardstick, [0.02] * 3).decision == "inconclusive"
    assert decide_recovery(yardstick, [math.inf] * 2).decision == "inconclusive"
    assert decide_recovery(yardstick, [math.inf] * 5).decision == "fail"
    assert decide_recovery(yardstick, []).decision == "inconclusive"


@given(st.integers(0, 60))
def test_the_estimate_is_where_the_failures_end(broken: int) -> None:
    assert estimate_recovery(measure_yardstick(STEADY, 10.0), [math.inf] * broken + STEADY) == broken


def test_an_effect_is_more_than_chance() -> None:
    yardstick = measure_yardstick(np.random.default_rng(3).lognormal(size=50), 10.0)
    effects = [shows_effect(yardstick, np.random.default_rng(i).lognormal(size=30)) for i in range(400)]
    assert sum(effects) <= 8
    assert shows_effect(yardstick, np.random.default_rng(5).lognormal(size=30) * 20)
    assert shows_effect(yardstick, [1.0] * 20 + [math.inf] * 10)


@pytest.mark.parametrize("broken", [0, 1, 7, 30])
def test_the_interval_holds_the_place_of_the_recovery(broken: int) -> None:
    latencies = [math.inf] * broken + [0.02] * 60
    low, high = bound_recovery(YARDSTICK, latencies)
    assert low <= estimate_recovery(YARDSTICK, latencies) == broken <= high
    assert high - low <= 7, "each good answer is evidence"


@pytest.mark.simulation
def test_the_interval_covers_what_it_says() -> None:
    """Half of the answers bad before, one in twenty after: the hardest case that the statement covers."""
    random = np.random.default_rng(3)
    covered = 0
    for _ in range(1000):
        broken = int(random.integers(0, 40))
        bad = np.concatenate((random.random(broken) < 0.5, random.random(100) < 0.05))
        low, high = bound_recovery(YARDSTICK, np.where(bad, math.inf, 0.02))
        covered += low <= broken <= high
    assert covered >= 940
