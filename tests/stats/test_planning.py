from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from benchmarks._exact import compute_probabilities
from harness.stats.planning import can_pass, compute_min_n_to_pass, compute_n_needed
from harness.stats.sequential import RateTest


@pytest.mark.parametrize(
    ("budget", "alpha", "n"),
    [(0.5, 0.05, 5), (0.05, 0.05, 59), (0.01, 0.05, 299), (0.01, 0.025, 368), (0.001, 0.05, 2995), (0.05, 0.01, 90)],
)
def test_fewest_samples_that_pass(budget: float, alpha: float, n: int) -> None:
    assert compute_min_n_to_pass(budget, alpha) == n
    assert (1 - budget) ** n <= alpha < (1 - budget) ** (n - 1)


@pytest.mark.parametrize(("loosened", "alpha", "n"), [(0.01, 0.05, 455), (0.05, 0.05, 90), (0.01, 0.1, 377)])
def test_fewest_requests_that_stop_a_sequential_test(loosened: float, alpha: float, n: int) -> None:
    test = RateTest(budget=loosened, loosened=loosened, cap=5000, alpha_pass=alpha)
    assert [test.decide(0, n - 1), test.decide(0, n)] == [None, "pass"]


@pytest.mark.parametrize("loosened", [0.02, 0.1, 0.5])
def test_an_objective_that_cannot_pass_is_known_before_the_first_request(loosened: float) -> None:
    least = compute_min_n_to_pass(loosened, 0.025)
    for cap, can in ((least, True), (least - 1, False)):
        test = RateTest(budget=loosened, loosened=loosened, cap=cap)
        assert can_pass(test) is can
        assert (compute_probabilities(test, 0.0).passed == 1.0) is can


def brute_n(rate: float, bound: float, alpha: float, power: float, most: int, passing: bool) -> int:
    """The n from which on a fixed-n test's power stays at `power` or above."""
    n = np.arange(1, most)
    if passing:
        c = stats.binom.ppf(alpha, n, bound)
        c = np.where(stats.binom.cdf(c, n, bound) <= alpha, c, c - 1)
        powers = np.where(c >= 0, stats.binom.cdf(c, n, rate), 0)
    else:
        c = np.maximum(stats.binom.isf(alpha, n, bound) + 1, 3)
        powers = stats.binom.sf(c - 1, n, rate)
    weak = n[powers < power]
    return int(weak[-1]) + 1


@pytest.mark.parametrize("bound", [0.5, 0.05, 0.01])
@pytest.mark.parametrize("power", [0.8, 0.95])
def test_n_needed_to_pass_agrees_with_a_search_of_all_n(bound: float, power: float) -> None:
    needed = compute_n_needed(5e5 * bound, 1e6, bound, bound, power=power, sequential=False)
    assert needed == brute_n(bound / 2, bound, 0.05, power, 5000, True)


@pytest.mark.parametrize(("bound", "rate"), [(0.01, 0.02), (0.05, 0.07), (0.01, 0.5), (0.1, 0.12), (0.5, 0.9)])
def test_n_needed_to_fail_agrees_with_a_search_of_all_n(bound: float, rate: float) -> None:
    assert compute_n_needed(1e6 * rate, 1e6, bound, bound, sequential=False) == brute_n(
        rate, bound, 0.05, 0.8, 9000, False
    )


def test_n_needed_is_near_the_verdict_page() -> None:
    """80 % power at half the budget: 28/412/2,203 for p50/p95/p99; 95 % for p99: 3,397."""
    for bound, n in ((0.5, 28), (0.05, 412), (0.01, 2203)):
        assert compute_n_needed(5e5 * bound, 1e6, bound, bound, sequential=False) == pytest.approx(n, rel=0.06)
    assert compute_n_needed(5e3, 1e6, 0.01, 0.01, power=0.95, sequential=False) == pytest.approx(3397, rel=0.03)


@pytest.mark.parametrize(("k", "n"), [(9, 1600), (40, 1600), (0, 100)])
def test_a_run_of_the_needed_size_decides(k: int, n: int) -> None:
    needed = compute_n_needed(k, n, 0.01, 0.02, 0.05, 0.05 / 3)
    assert needed is not None
    probabilities = compute_probabilities(RateTest(budget=0.01, loosened=0.02, cap=needed, alpha_fail=0.05 / 3), k / n)
    assert (probabilities.failed if k / n > 0.02 else probabilities.passed) >= 0.8


def test_no_size_decides_between_the_limits() -> None:
    assert compute_n_needed(16, 1600, 0.01, 0.02) is None
    assert compute_n_needed(24, 1600, 0.01, 0.02) is None
    assert compute_n_needed(32, 1600, 0.01, 0.02) is None
    assert compute_n_needed(9_999, 1_000_000, 0.01, 0.01) is None
    assert compute_n_needed(0, 0, 0.01, 0.02) is None


def test_nonsense_is_refused() -> None:
    for k, n, power in ((-1, 5, 0.8), (6, 5, 0.8), (1, 5, 1.0), (math.nan, 5, 0.8)):
        with pytest.raises(ValueError):
            compute_n_needed(k, n, 0.01, 0.02, power=power)
    with pytest.raises(ValueError):
        compute_min_n_to_pass(0)


def test_twenty_checks_at_their_limit_need_alpha_over_m() -> None:
    """Uncorrected, some false FAIL is likely; a share of alpha each keeps it under .05."""
    whole, shared = (
        compute_probabilities(RateTest(budget=0.05, loosened=0.05, cap=500, alpha_fail=alpha), 0.05).failed
        for alpha in (0.05, 0.05 / 20)
    )
    assert 1 - (1 - whole) ** 20 > 0.3
    assert 1 - (1 - shared) ** 20 <= 0.05
