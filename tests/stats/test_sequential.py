from __future__ import annotations

import math
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from benchmarks._exact import find_boundaries
from harness.stats.sequential import (
    RateTest,
    log_e_fail,
    log_e_pass,
)

PR = RateTest(budget=0.05, loosened=0.10, cap=500)


def log_mixture(k: int, n: int, bound: float, low: float, high: float) -> float:
    """The log e-value by numeric integration over the angle in which Beta(1/2, 1/2) is uniform."""
    best = min(max(k / n, low, 1e-9), high, 1 - 1e-9)
    scale = k * math.log(best / bound) + (n - k) * math.log((1 - best) / (1 - bound))

    def ratio(angle: float) -> float:
        p = math.sin(angle) ** 2
        return math.exp(k * math.log(p / bound) + (n - k) * math.log((1 - p) / (1 - bound)) - scale)

    start, end = math.asin(math.sqrt(low)), math.asin(math.sqrt(high))
    peak = min(max(math.asin(math.sqrt(k / n)), start), end)
    parts = [integrate.quad(ratio, a, b, limit=200)[0] for a, b in ((start, peak), (peak, end)) if b > a]
    return scale + math.log(sum(parts) / (end - start))


@pytest.mark.parametrize(("k", "n"), [(0, 1), (1, 1), (0, 100), (2, 100), (7, 300), (40, 300), (30, 1600)])
@pytest.mark.parametrize("bound", [0.01, 0.1, 0.5])
def test_e_values_are_the_average_likelihood_ratio_over_the_restricted_prior(k: int, n: int, bound: float) -> None:
    assert log_e_pass(k, n, bound) == pytest.approx(log_mixture(k, n, bound, 0, bound), abs=1e-7)
    assert log_e_fail(k, n, bound) == pytest.approx(log_mixture(k, n, bound, bound, 1), abs=1e-7)


@pytest.mark.parametrize("bound", [0.01, 0.1, 0.5])
def test_e_values_are_martingales_at_their_bound(bound: float) -> None:
    for k, n in ((0, 0), (0, 5), (3, 40), (12, 900)):
        for log_e in (log_e_pass, log_e_fail):
            ahead = bound * math.exp(log_e(k + 1, n + 1, bound)) + (1 - bound) * math.exp(log_e(k, n + 1, bound))
            assert ahead == pytest.approx(math.exp(log_e(k, n, bound)), rel=1e-9)


@given(st.integers(1, 2000), st.floats(0.001, 0.6), st.data())
@settings(deadline=None, max_examples=60)
def test_evidence_moves_the_right_way(n: int, bound: float, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n - 1))
    assert log_e_pass(k + 1, n, bound) < log_e_pass(k, n, bound) < log_e_pass(k, n + 1, bound)
    assert log_e_fail(k + 1, n, bound) > log_e_fail(k, n, bound) > log_e_fail(k, n + 1, bound)


def test_one_slow_first_request_is_no_fail() -> None:
    """Trap: it alone is E = 53 against a budget of 1 %; hence the floor of three exceedances."""
    assert math.exp(log_e_fail(1, 1, 0.01)) == pytest.approx(53.4, abs=0.1)
    test = RateTest(budget=0.01, loosened=0.02, cap=1600)
    assert [test.decide(k, k) for k in (1, 2, 3)] == [None, None, "fail"]


def test_the_prior_is_restricted_to_the_side_it_speaks_for() -> None:
    """Trap: untruncated, it needs 680 zeros in place of 377, and "passes" a service at twice its limit."""

    def compute_untruncated(k: int, n: int, bound: float) -> float:
        whole = stats.betabinom.logpmf(k, n, 0.5, 0.5) - math.log(math.comb(n, k))
        return float(whole - k * math.log(bound) - (n - k) * math.log1p(-bound))

    def zeros(log_e: object) -> int:
        assert callable(log_e)
        return next(n for n in range(1, 1000) if log_e(0, n, 0.01) >= math.log(20))

    assert zeros(log_e_pass) == 377
    assert zeros(compute_untruncated) == 680
    at_twice = 400, 20_000
    assert compute_untruncated(*at_twice, 0.01) > math.log(1e6)  # it refutes "the rate is 1 %", whichever way
    assert log_e_pass(*at_twice, 0.01) < 0


def test_a_fast_service_passes_early_and_a_slow_one_fails_early() -> None:
    assert [PR.decide(0, 43), PR.decide(0, 44)] == [None, "pass"]
    assert "fail" in [PR.decide((n + 2) // 3, n) for n in range(1, 40)]


def test_the_cap_ends_the_test() -> None:
    test = RateTest(budget=0.01, loosened=0.02, cap=1600)
    assert (test.decide(23, 1599), test.decide(23, 1600)) == (None, "inconclusive")
    # PASS and FAIL of the look at the cap, each at half of alpha
    assert stats.binom.cdf(20, 1600, 0.02) <= 0.025 < stats.binom.cdf(22, 1600, 0.02)
    assert [test.decide(k, 1600) for k in (20, 22, 24, 25)] == ["pass", "inconclusive", "inconclusive", "fail"]


def test_a_test_is_never_extended() -> None:
    with pytest.raises(ValueError, match="cap of 500"):
        PR.decide(0, 501)
    with pytest.raises(FrozenInstanceError):
        PR.cap = 1000  # type: ignore[misc]


@pytest.mark.parametrize(
    "wrong",
    [
        {"budget": 0},
        {"budget": 0.11},
        {"loosened": 1},
        {"budget": math.nan},
        {"cap": 0},
        {"cap": 10.5},
        {"alpha_pass": 0},
        {"alpha_fail": 0.6},
    ],
)
def test_nonsense_plans_are_refused(wrong: dict[str, float]) -> None:
    plan = {"budget": 0.05, "loosened": 0.1, "cap": 500, **wrong}
    with pytest.raises(ValueError):
        RateTest(**plan)  # type: ignore[arg-type]


@pytest.mark.parametrize(("k", "n"), [(-1, 3), (4, 3)])
def test_nonsense_counts_of_a_look_are_refused(k: int, n: int) -> None:
    with pytest.raises(ValueError):
        PR.decide(k, n)


@pytest.mark.parametrize(
    "test",
    [
        PR,
        RateTest(budget=0.05, loosened=0.05, cap=300, alpha_fail=0.05 / 20),
        RateTest(budget=0.1, loosened=0.12, cap=400),
        RateTest(budget=0.5, loosened=0.5, cap=60),
        RateTest(budget=0.05, loosened=0.4, cap=200),  # both limits refuted at once: FAIL prevails
        RateTest(budget=0.05, loosened=0.1, cap=2),
    ],
)
def test_boundaries_are_the_decisions(test: RateTest) -> None:
    passing, failing = find_boundaries(test)
    for n in [1, 2, *range(3, test.cap, 37), test.cap - 1, test.cap]:
        decisions = [test.decide(k, n) for k in range(n + 1)]
        assert [k for k, decision in enumerate(decisions) if decision == "pass"] == list(range(int(passing[n]) + 1))
        assert [k for k, decision in enumerate(decisions) if decision == "fail"] == list(range(int(failing[n]), n + 1))


def test_boundaries_cannot_be_spoiled_through_the_cache() -> None:
    with pytest.raises(ValueError, match="read-only"):
        find_boundaries(PR)[0][3] = 7


def test_steps_and_boundaries_agree_on_a_random_stream() -> None:
    rng = np.random.default_rng(11)
    passing, failing = find_boundaries(PR)
    for rate in (0.02, 0.05, 0.08, 0.2):
        counts = np.cumsum(rng.random(PR.cap) < rate)
        n = next(n for n in range(1, PR.cap + 1) if PR.decide(int(counts[n - 1]), n))
        k = int(counts[n - 1])
        expected = "pass" if k <= passing[n] else "fail" if k >= failing[n] else "inconclusive"
        assert PR.decide(k, n) == expected


def test_no_samples_decide_nothing() -> None:
    assert PR.decide(0, 0) is None
