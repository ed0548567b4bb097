"""Interval and decision never contradict each other, and an early stop does not bias the estimate."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from harness.core.objective import PROFILES
from harness.stats.confidence import compute_rate_interval, estimate_rate
from harness.stats.dependence import FEWEST_REQUESTS
from harness.stats.guarded_test import compute_least_n
from harness.stats.sequential import RateTest


def make_test(name: str, m: int) -> RateTest:
    profile = PROFILES[name]
    budget = 1 - profile.quantile
    return RateTest(budget=budget, loosened=budget * profile.tolerance, cap=profile.cap, alpha_fail=0.05 / m)


@pytest.mark.parametrize("m", [1, 5, 20])
@pytest.mark.parametrize("name", PROFILES)
def test_interval_and_decision_never_contradict(name: str, m: int) -> None:
    test = make_test(name, m)
    for n in (3, 12, 40, 150, test.cap // 2, test.cap - 1, test.cap):
        for k in range(0, min(n, int(5 * test.loosened * n) + 4) + 1, max(1, n // 400)):
            lower, upper = compute_rate_interval(test, k, n)
            expected = None
            if lower > test.budget:
                expected = "fail"
            elif upper < test.loosened:
                expected = "pass"
            elif n == test.cap:
                expected = "inconclusive"
            assert test.decide(k, n) == expected, (k, n)
            assert lower <= k / n <= upper


def test_what_was_shown_as_a_contradiction() -> None:
    """22 of 1,600 are INCONCLUSIVE in release; the exact interval at a fixed n (0.93 to 1.96 %) is under 2 %."""
    lower, upper = compute_rate_interval(make_test("release", 1), 22, 1600)
    assert lower < 0.01
    assert upper > 0.02


def test_nothing_seen_refutes_nothing() -> None:
    assert compute_rate_interval(make_test("pr", 1), 0, 0) == (0.0, 1.0)
    assert compute_rate_interval(make_test("pr", 1), 2, 2) == (0.0, 1.0)


@pytest.mark.parametrize("rate", [0.025, 0.1, 0.2])
def test_the_estimate_is_unbiased_although_the_test_stops_early(rate: float) -> None:
    test, runs = make_test("pr", 1), 800
    least = compute_least_n(test.loosened, test.cap)
    decide = cache(test.decide)
    estimate = cache(lambda k, n: estimate_rate(test, k, n, least, FEWEST_REQUESTS))
    random, estimates, shares = np.random.default_rng(4), [], []
    for _ in range(runs):
        over = (random.random(test.cap) < rate).cumsum().tolist()
        for n, k in enumerate(over, 1):
            decision = decide(k, n)
            if n == test.cap or (decision == "pass" and n >= least) or (decision == "fail" and n >= FEWEST_REQUESTS):
                estimates.append(estimate(k, n))
                shares.append(k / n)
                break
    error = float(np.std(estimates)) / runs**0.5
    assert np.mean(estimates) == pytest.approx(rate, abs=3 * error)
    if rate == 0.1:
        assert np.mean(shares) > rate + 3 * error  # the share itself is biased by the early FAIL


def test_without_an_early_stop_it_is_the_share() -> None:
    test = make_test("pr", 1)
    assert estimate_rate(test, 7, 30, 300, 40) == 7 / 30
    assert estimate_rate(test, 0, 300, 300, 40) == 0
