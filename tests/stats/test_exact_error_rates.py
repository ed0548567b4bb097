"""Error rates of whole tests, exactly; the figures are those of the verdict page."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from scipy import stats

from benchmarks._exact import IntArray, compute_probabilities, find_boundaries, walk_boundaries
from harness.stats.beta import binomial_cdf, binomial_sf
from harness.stats.sequential import MIN_EXCEEDANCES, RateDecision, RateTest, log_e_fail

PROFILES = {
    "pr": RateTest(budget=0.05, loosened=0.10, cap=500),
    "release": RateTest(budget=0.01, loosened=0.02, cap=1600),
    "strict": RateTest(budget=0.01, loosened=0.01, cap=3000),
    "accuracy": RateTest(budget=0.10, loosened=0.12, cap=1000),
}


def share_alpha(name: str, m: int) -> RateTest:
    test = PROFILES[name]
    return RateTest(budget=test.budget, loosened=test.loosened, cap=test.cap, alpha_fail=test.alpha_fail / m)


@pytest.mark.slow(seconds=0.5)
@pytest.mark.parametrize("m", [1, 5, 20])
@pytest.mark.parametrize("name", PROFILES)
def test_no_profile_errs_more_than_its_alpha(name: str, m: int) -> None:
    test = share_alpha(name, m)
    assert compute_probabilities(test, test.budget).failed <= 0.05 / m
    assert compute_probabilities(test, test.loosened).passed <= 0.05
    # and worse or better services err less
    assert compute_probabilities(test, test.budget * 0.8).failed <= compute_probabilities(test, test.budget).failed
    assert compute_probabilities(test, test.loosened * 1.2).passed <= compute_probabilities(test, test.loosened).passed


@pytest.mark.parametrize(
    ("name", "rate", "passed", "mean_n"),
    [
        ("pr", 0.025, 1.00, 96),
        ("pr", 0.05, 0.98, None),
        ("release", 0.005, 1.00, 504),
        ("release", 0.01, 0.92, None),
        ("release", 0.02, 0.04, None),
        ("strict", 0.005, 0.88, None),
        ("accuracy", 0.08, 0.98, None),
    ],
)
def test_profiles_do_what_the_verdict_page_says(name: str, rate: float, passed: float, mean_n: float | None) -> None:
    probabilities = compute_probabilities(PROFILES[name], rate)
    assert probabilities.passed == pytest.approx(passed, abs=0.006)
    if mean_n is not None:
        assert probabilities.mean_n == pytest.approx(mean_n, abs=0.6)


@pytest.mark.parametrize("name", ["pr", "release"])
@pytest.mark.parametrize("m", [1, 20])
def test_a_healthy_service_is_hardly_ever_inconclusive(name: str, m: int) -> None:
    test = share_alpha(name, m)
    assert compute_probabilities(test, test.budget / 2).inconclusive < 0.02


def test_outcomes_agree_with_a_simulation() -> None:
    test = PROFILES["pr"]
    passing, failing = find_boundaries(test)
    draws = np.random.default_rng(5).random((4000, test.cap)) < 0.07
    counts = draws.cumsum(axis=1)
    passes, fails = counts <= passing[1:], counts >= failing[1:]
    ended = passes | fails
    first = np.where(ended.any(axis=1), ended.argmax(axis=1), test.cap - 1)
    rows = np.arange(len(first))
    probabilities = compute_probabilities(test, 0.07)
    assert passes[rows, first].mean() == pytest.approx(probabilities.passed, abs=0.03)
    assert fails[rows, first].mean() == pytest.approx(probabilities.failed, abs=0.03)
    assert (first + 1).mean() == pytest.approx(probabilities.mean_n, rel=0.03)


@pytest.mark.parametrize("rate", [0.0, 0.003, 0.07, 0.5, 1.0])
def test_probabilities_add_up(rate: float) -> None:
    for test in PROFILES.values():
        probabilities = compute_probabilities(test, rate)
        assert probabilities.passed + probabilities.failed + probabilities.inconclusive == pytest.approx(1, abs=1e-9)
        assert 0 < probabilities.mean_n <= test.cap


def test_rates_that_are_none_are_refused() -> None:
    for rate in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="rate"):
            compute_probabilities(PROFILES["pr"], rate)


@cache
def unsplit(budget: float, cap: int) -> tuple[IntArray, IntArray]:
    """The e-processes alone at alpha .05 a side (E >= 20), without the look at the cap and without the floor."""
    longer = RateTest(budget=budget, loosened=budget, cap=cap + 1, alpha_pass=0.1, alpha_fail=0.1)
    passing, failing = (array[:-1].copy() for array in find_boundaries(longer))
    for n in range(1, cap + 1):
        for k in range(min(n, MIN_EXCEEDANCES - 1), 0, -1):
            if log_e_fail(k, n, budget) < math.log(20):
                break
            failing[n] = k
    return passing, failing


@pytest.mark.slow(seconds=0.5)
@pytest.mark.parametrize(("budget", "false_pass", "false_fail"), [(0.05, 0.046, 0.019), (0.5, 0.037, 0.037)])
def test_the_e_process_alone_holds_its_alpha(budget: float, false_pass: float, false_fail: float) -> None:
    """At a cap of 4,000, somewhat under the page's figures for an endless run."""
    boundaries = walk_boundaries(*unsplit(budget, 4000), budget)
    assert false_pass - 0.008 < boundaries.passed <= false_pass + 0.001
    assert boundaries.failed == pytest.approx(false_fail, abs=0.008)


def test_a_look_at_the_cap_without_splitting_alpha_breaks_it() -> None:
    """Trap: adding a Clopper-Pearson look at the cap costs .063 in place of .05."""
    passing, failing = (array.copy() for array in unsplit(0.01, 3000))
    passing[-1] = max(k for k in range(40) if binomial_cdf(k, 3000, 0.01) <= 0.05)
    assert walk_boundaries(passing, failing, 0.01).passed == pytest.approx(0.063, abs=0.002)
    assert compute_probabilities(PROFILES["strict"], 0.01).passed <= 0.05


def test_peeking_with_a_fixed_n_bound_breaks_alpha() -> None:
    """Trap: Clopper-Pearson every 25 requests up to 3,000 errs .19 and .22."""
    ends = [stats.binom.ppf(q, np.arange(25, 3001, 25), 0.01) for q in (0.05, 0.95)]
    passing = np.full(3001, -1, dtype=np.int64)
    failing = np.arange(1, 3002, dtype=np.int64)
    for n, low, high in zip(range(25, 3001, 25), *ends, strict=True):
        passing[n] = int(low) if binomial_cdf(int(low), n, 0.01) <= 0.05 else int(low) - 1
        failing[n] = int(high) + 1
        assert binomial_sf(int(failing[n]), n, 0.01) <= 0.05
    only_pass = walk_boundaries(passing, np.arange(1, 3002, dtype=np.int64), 0.01)
    only_fail = walk_boundaries(np.full(3001, -1, dtype=np.int64), failing, 0.01)
    assert only_pass.passed == pytest.approx(0.19, abs=0.01)
    assert only_fail.failed == pytest.approx(0.22, abs=0.01)


def test_extending_a_fixed_n_run_breaks_alpha() -> None:
    """Trap: at p99 and n = 1,000 the false PASS grows from .029 to .104 in five rounds; five fresh retries: .135."""
    nothing = np.arange(1, 5002, dtype=np.int64)
    passing = np.full(5001, -1, dtype=np.int64)
    for n in range(1000, 5001, 1000):
        passing[n] = max(k for k in range(60) if binomial_cdf(k, n, 0.01) <= 0.05)
    once = walk_boundaries(passing[:1001], nothing[:1001], 0.01).passed
    assert once == pytest.approx(0.029, abs=0.001)
    assert walk_boundaries(passing, nothing, 0.01).passed == pytest.approx(0.104, abs=0.001)
    assert 1 - (1 - once) ** 5 == pytest.approx(0.135, abs=0.002)


def test_an_or_of_two_limits_needs_half_of_alpha() -> None:
    """Trap: the better of two runs at the limit PASSes too often, unless each is tried at alpha/k."""
    whole = compute_probabilities(PROFILES["strict"], 0.01).passed
    half = RateTest(budget=0.01, loosened=0.01, cap=3000, alpha_pass=0.025)
    assert 1 - (1 - whole) ** 2 > 0.05
    assert 1 - (1 - compute_probabilities(half, 0.01).passed) ** 2 <= 0.05


def test_a_cold_start_fails_a_good_service() -> None:
    """Trap: fifty cold requests at 10 % and then 0.2 %: early FAIL. Excluding them as warm-up mends it."""
    test = PROFILES["release"]
    rates = np.full(test.cap, 0.002)
    rates[:50] = 0.1
    passing, failing = unsplit(0.01, 1600)
    assert walk_boundaries(passing, failing, rates).failed == pytest.approx(0.75, abs=0.01)
    assert compute_probabilities(test, rates).failed > 0.6
    assert compute_probabilities(test, 0.002).failed < 0.001


def fixed_rate_test(k: int, n: int, budget: float, loosened: float) -> RateDecision:
    """One look at a planned n, at the whole of alpha per side, with the floor."""
    if k >= MIN_EXCEEDANCES and binomial_sf(k, n, budget) <= 0.05:
        return "fail"
    return "pass" if binomial_cdf(k, n, loosened) <= 0.05 else "inconclusive"


def test_repeats_are_not_samples() -> None:
    """Trap: 20 prompts x 100 repeats miss a defect in 1 % of prompts 82 % of the time, and look like n = 2,000."""
    assert binomial_cdf(0, 20, 0.01) == pytest.approx(0.82, abs=0.005)
    assert fixed_rate_test(0, 2000, 0.01, 0.02) == "pass"
    assert fixed_rate_test(0, 20, 0.01, 0.02) == "inconclusive"


def fixed_share(decision: str, n: int, rate: float, budget: float, loosened: float) -> float:
    """The probability of a decision of the fixed-n test at a true rate."""
    seen = np.arange(n + 1)
    weights = stats.binom.pmf(seen, n, rate)
    picked = [
        k
        for k in seen[weights > 1e-12]
        if fixed_rate_test(int(k), n, budget, loosened) == decision
    ]  # fmt: skip
    return float(weights[picked].sum())


@pytest.mark.parametrize(("n", "share"), [(200, 0.79), (500, 0.46)])
def test_inconclusive_taken_for_pass_lets_twice_the_limit_through(n: int, share: float) -> None:
    """Trap: `--ai-inconclusive=pass` accepts a p99 service at twice its limit .79 / .46 of the time."""
    assert 1 - fixed_share("fail", n, 0.02, 0.01, 0.02) == pytest.approx(share, abs=0.005)


@pytest.mark.parametrize(
    ("n", "rate", "budget", "loosened", "share"),
    [
        (200, 0.003, 0.01, 0.01, 1.00),
        (500, 0.003, 0.01, 0.01, 0.44),
        (2000, 0.005, 0.01, 0.01, 0.21),
        (200, 0.003, 0.01, 0.02, 0.45),
        (500, 0.005, 0.01, 0.02, 0.11),
        (100, 0.08, 0.10, 0.10, 0.90),
        (1000, 0.08, 0.10, 0.10, 0.30),
        (500, 0.08, 0.10, 0.12, 0.11),
        (1000, 0.08, 0.10, 0.12, 0.01),
    ],
)
def test_inconclusive_shares_of_the_verdict_page(
    n: int, rate: float, budget: float, loosened: float, share: float
) -> None:
    assert fixed_share("inconclusive", n, rate, budget, loosened) == pytest.approx(share, abs=0.006)


@pytest.mark.parametrize("n", [10, 59, 100, 299, 1000])
@pytest.mark.parametrize("budget", [0.01, 0.05, 0.3])
def test_fixed_n_holds_alpha_at_every_n(n: int, budget: float) -> None:
    assert fixed_share("fail", n, budget, budget, budget) <= 0.05
    assert fixed_share("pass", n, budget, budget, budget) <= 0.05


def test_the_floor_is_part_of_the_boundaries() -> None:
    for test in PROFILES.values():
        assert find_boundaries(test)[1][MIN_EXCEEDANCES:].min() >= MIN_EXCEEDANCES


@pytest.mark.slow(seconds=0.5)
def test_the_e_process_alone_over_twenty_thousand_requests() -> None:
    """p99 .045/.018; at half the budget 99 % PASS with a mean n of 2,316; unsplit with a look at the cap .082."""
    passing, failing = unsplit(0.01, 20_000)
    boundaries = walk_boundaries(passing, failing, 0.01)
    assert boundaries.passed == pytest.approx(0.045, abs=0.004)
    assert boundaries.failed == pytest.approx(0.018, abs=0.004)
    half = walk_boundaries(passing, failing, 0.005)
    assert half.passed == pytest.approx(0.99, abs=0.005)
    assert half.mean_n == pytest.approx(2316, abs=10)
    looked = passing.copy()
    looked[-1] = max(k for k in range(150, 200) if binomial_cdf(k, 20_000, 0.01) <= 0.05)
    assert walk_boundaries(looked, failing, 0.01).passed == pytest.approx(0.082, abs=0.004)
