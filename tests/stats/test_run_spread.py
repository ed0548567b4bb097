"""One new run beside earlier ones: error rates by simulation, tails beside scipy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from harness.stats.run_spread import FEWEST_PASSED_RUNS, judge_new_run
from harness.stats.student import compute_student_tail, find_student_quantile


@pytest.mark.parametrize("freedom", [1, 4, 9, 40])
def test_student_agrees_with_scipy(freedom: int) -> None:
    for alpha in (0.2, 0.05, 0.001, 1e-6):
        assert find_student_quantile(freedom, alpha) == pytest.approx(stats.t.isf(alpha, freedom), rel=1e-9)
    for t in (-3.0, -0.1, 0.0, 0.4, 2.5, 30.0):
        assert compute_student_tail(t, freedom) == pytest.approx(stats.t.sf(t, freedom), rel=1e-9)
    assert compute_student_tail(float("inf"), freedom) == 0
    assert compute_student_tail(float("-inf"), freedom) == 1


def simulate(spread: float, worse: float, n: int, runs: int = 2000) -> tuple[float, float]:
    """The shares of PASS and of FAIL at a margin of 10 %."""
    generator = np.random.default_rng(7)
    values = 0.3 * np.exp(generator.normal(0.0, spread, (runs, n + 1)))
    values[:, -1] *= 1 + worse
    verdicts = [judge_new_run(row[:-1], row[-1], 0.1) for row in values.tolist()]
    return np.mean([v.upper < 0.1 for v in verdicts]).item(), np.mean([v.p <= 0.05 for v in verdicts]).item()


@pytest.mark.parametrize("n", [5, 12])
@pytest.mark.parametrize("spread", [0.02, 0.10])
def test_error_rates_at_the_margin_are_those_stated(spread: float, n: int) -> None:
    passed, failed = simulate(spread, 0.1, n)
    assert passed <= 0.062  # 5 % and 2.4 standard errors
    assert failed <= 0.062


def test_a_regression_is_found_at_a_small_spread_and_left_open_at_a_large_one() -> None:
    assert simulate(0.02, 0.0, 5)[0] > 0.9
    assert simulate(0.02, 0.0, 5)[1] == 0
    assert simulate(0.02, 0.25, 5)[1] > 0.95
    assert sum(simulate(0.10, 0.08, 5)) < 0.15


def test_a_rate_is_worse_where_it_falls() -> None:
    verdict = judge_new_run([100, 101, 99, 100, 100], 80, 0.1, more_is_better=True)
    assert verdict.lower > 0.2
    assert judge_new_run([100, 101, 99, 100, 100], 80, 0.1).worse < 0
    assert judge_new_run([1.0] * 5, 1.0, 0.1).spread > 0


@pytest.mark.parametrize("values", [[], [1.0] * 4, [1.0] * 4 + [0.0], [1.0] * 4 + [float("nan")], [1.0] * 5 + [-1.0]])
def test_too_few_runs_or_no_figures_are_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match=f"at least {FEWEST_PASSED_RUNS} positive figures"):
        judge_new_run(values, 1.0, 0.1)
