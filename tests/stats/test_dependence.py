"""The design-effect rule on simulated streams, against the table of the verdict page."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from harness.stats.dependence import (
    SMALLEST_EFFECT,
    TIME_BLOCKS,
    DependentDecision,
    compute_student_factor,
    estimate_design_effect,
    judge_dependent_rate,
    sum_into_blocks,
)
from harness.stats.intervals import clopper_pearson_lower, clopper_pearson_upper

Stream = NDArray[np.float64]
Generator = np.random.Generator


def autoregressive(rng: Generator, runs: int, n: int, phi: float) -> Stream:
    """AR(1) with standard normal margins, shape (runs, n)."""
    noise = rng.standard_normal((n, runs)) * math.sqrt(1 - phi * phi)
    out = np.empty((n, runs))
    out[0] = rng.standard_normal(runs)
    for i in range(1, n):
        out[i] = phi * out[i - 1] + noise[i]
    return out.T


def queue(rng: Generator, runs: int, n: int, load: float) -> Stream:
    """Sojourn times of an M/M/1 queue in units of the mean service, by Lindley's recursion, after a warm-up."""
    warm = 3000
    service = rng.exponential(1, (runs, n + warm))
    gaps = rng.exponential(1 / load, (runs, n + warm))
    steps = np.zeros_like(service)
    steps[:, 1:] = service[:, :-1] - gaps[:, 1:]
    walk = steps.cumsum(axis=1)
    return (walk - np.minimum.accumulate(walk, axis=1) + service)[:, warm:]


def stalls(rng: Generator, runs: int, n: int, every: float, share: float) -> Stream:
    """50 requests/s; random stalls once per `every` seconds delay a `share` of them to above 100."""
    length, horizon = -math.log1p(-share) * every, n / 50
    out = rng.exponential(0.02, (runs, n))
    for row in out:
        times = (np.arange(n) + rng.random(n)) / 50
        starts = np.sort(rng.uniform(-length, horizon, rng.poisson((horizon + length) / every)))
        before = np.searchsorted(starts, times) - np.searchsorted(starts + length, times)
        row[before > 0] += 100
    return out


def ar_limit(share: float) -> float:
    return NormalDist().inv_cdf(1 - share)


def queue_limit(share: float) -> float:
    return -math.log(share) / (1 - 0.8)


def judge(latency: Stream, limit: float, budget: float = 0.01, loosened: float = 0.01) -> DependentDecision:
    """One run of shape (n,) by the design-effect rule over blocks of equal size."""
    blocks = latency.reshape(TIME_BLOCKS, -1)
    over_limit, over_p90 = ((blocks > bound).sum(axis=1) for bound in (limit, float(np.quantile(latency, 0.9))))
    return judge_dependent_rate(np.full(TIME_BLOCKS, blocks.shape[1]), over_limit, over_p90, budget, loosened)


def passes(latency: Stream, limit: float, loosened: float = 0.01) -> float:
    return float(np.mean([judge(run, limit, loosened=loosened).decision == "pass" for run in latency]))


def fails(latency: Stream, limit: float) -> float:
    return float(np.mean([judge(run, limit).decision == "fail" for run in latency]))


def naive_passes(latency: Stream, limit: float) -> float:
    n = latency.shape[1]
    return float(np.mean([clopper_pearson_upper((run > limit).sum(), n, 0.05) <= 0.01 for run in latency]))


def near(share: float, runs: int) -> object:
    """`share` within three standard errors of this simulation and of the page's."""
    spread = math.sqrt(max(share * (1 - share), 0.01) * (1 / runs + 1 / 400))
    return pytest.approx(share, abs=3 * spread)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("phi", "n", "naive", "false_pass", "true_pass"),
    [(0.8, 3000, 0.15, 0.01, 0.51), (0.8, 10_000, 0.15, 0.02, 0.99), (0.95, 10_000, 0.35, 0.01, 0.38)],
)
def test_autoregressive_latency(phi: float, n: int, naive: float, false_pass: float, true_pass: float) -> None:
    runs = 250
    latency = autoregressive(np.random.default_rng(n), runs, n, phi)
    assert naive_passes(latency, ar_limit(0.01)) == near(naive, runs)
    assert passes(latency, ar_limit(0.01)) == near(false_pass, runs)
    assert fails(latency, ar_limit(0.01)) <= 0.05
    assert passes(latency, ar_limit(0.003)) == near(true_pass, runs)


@pytest.mark.slow
def test_a_queue_at_four_fifths_of_its_capacity() -> None:
    """Treated as independent it passes at the limit every second time; the rule's PASS at 0.3 of budget is .10."""
    runs = 250
    latency = queue(np.random.default_rng(8), runs, 10_000, 0.8)
    assert naive_passes(latency, queue_limit(0.01)) == near(0.55, runs)
    assert passes(latency, queue_limit(0.01)) == near(0.03, runs)
    assert passes(latency, queue_limit(0.003)) == near(0.10, runs)


@pytest.mark.slow
def test_the_load_default() -> None:
    """p99, 2x, 10,000 requests: AR .8 at the limit PASSes .98; a queue is INCONCLUSIVE 39 % at 0.3 of budget."""
    rng, runs = np.random.default_rng(21), 250
    assert passes(autoregressive(rng, runs, 10_000, 0.8), ar_limit(0.01), 0.02) == near(0.98, runs)
    latency = queue(rng, runs, 10_000, 0.8)
    assert 1 - passes(latency, queue_limit(0.003), 0.02) == near(0.39, runs)
    assert passes(latency, queue_limit(0.02), 0.02) == near(0.09, runs)


@pytest.mark.slow
@pytest.mark.parametrize("n", [3000, 10_000])
def test_random_stalls_once_in_ten_seconds(n: int) -> None:
    runs = 250
    latency = stalls(np.random.default_rng(n + 1), runs, n, 10, 0.01)
    assert naive_passes(latency, 50) == near(0.26, runs)
    assert passes(latency, 50) <= 0.08


def test_a_pass_covers_its_window_only() -> None:
    """Trap: a minute with one stall in it on average often has none, and nothing in the data can tell (.38)."""
    latency = stalls(np.random.default_rng(7), 250, 3000, 60, 0.01)
    assert passes(latency, 50) == near(0.38, 250)


@pytest.mark.slow
def test_thirty_thousand_requests() -> None:
    rng, runs = np.random.default_rng(30), 150
    assert passes(autoregressive(rng, runs, 30_000, 0.95), ar_limit(0.003)) == near(0.96, runs)
    latency = queue(rng, runs, 30_000, 0.8)
    assert passes(latency, queue_limit(0.01)) == near(0.06, runs)
    assert passes(latency, queue_limit(0.003)) == near(0.48, runs)


@pytest.mark.slow
def test_independent_samples_lose_little() -> None:
    runs = 400
    latency = np.random.default_rng(4).standard_normal((runs, 4000))
    effects = [judge(run, ar_limit(0.01)).design_effect for run in latency]
    # one ratio exceeds 1.43 in 10 % of runs, the larger of two nearly independent ones in some 19 %
    assert np.mean(np.array(effects) > SMALLEST_EFFECT) == pytest.approx(0.19, abs=0.07)
    assert passes(latency, ar_limit(0.01)) <= 0.06
    assert passes(latency, ar_limit(0.003)) > 0.9


def test_the_constants_are_the_quantiles_they_stand_for() -> None:
    assert stats.chi2.ppf(0.9, TIME_BLOCKS - 1) / (TIME_BLOCKS - 1) == pytest.approx(SMALLEST_EFFECT, abs=0.005)
    assert compute_student_factor(0.05) == pytest.approx(1.105, abs=0.0005)
    for alpha in (0.05 / 20, 0.025, 0.1):
        expected = (stats.t.isf(alpha, TIME_BLOCKS - 1) / stats.norm.isf(alpha)) ** 2
        assert compute_student_factor(alpha) == pytest.approx(expected, rel=1e-8)


def test_the_design_effect_is_the_larger_variance_ratio() -> None:
    sizes = np.full(TIME_BLOCKS, 100)
    even, clumped = np.full(TIME_BLOCKS, 10), np.array([40, 0] * 10)
    expected = TIME_BLOCKS * 400 / (TIME_BLOCKS - 1) / (100 * 0.2 * 0.8)
    assert estimate_design_effect(sizes, even, even) == 1.0
    assert estimate_design_effect(sizes, clumped, even) == pytest.approx(expected)
    assert estimate_design_effect(sizes, even, clumped) == pytest.approx(expected)
    assert estimate_design_effect(sizes, np.zeros(TIME_BLOCKS), sizes) == 1.0  # none and all over say nothing


def test_blocks_of_unequal_size_are_compared_with_their_own_expectation() -> None:
    sizes = np.arange(1, TIME_BLOCKS + 1) * 100
    assert estimate_design_effect(sizes, sizes // 20, sizes // 10) == 1.0


def test_the_correction_divides_counts_by_the_effect_and_the_student_factor() -> None:
    sizes = np.full(TIME_BLOCKS, 100)
    clumped = np.array([40, 0] * 10)
    found = judge_dependent_rate(sizes, clumped, clumped, 0.18, 0.22)
    factor = estimate_design_effect(sizes, clumped, clumped) * compute_student_factor(0.05)
    assert found.upper == clopper_pearson_upper(400 / factor, 2000 / factor, 0.05)
    assert found.lower == clopper_pearson_lower(400 / factor, 2000 / factor, 0.05)
    assert found.effective_n == 2000 / factor
    assert found.estimate == 0.2
    assert found.decision == "inconclusive"
    plain = judge_dependent_rate(sizes, np.full(TIME_BLOCKS, 20), np.full(TIME_BLOCKS, 10), 0.1, 0.3)
    assert (plain.effective_n, plain.decision) == (2000, "fail")


@pytest.mark.parametrize(("swing", "corrected"), [(11, False), (12, True)])
def test_small_design_effects_are_taken_for_noise(swing: int, corrected: bool) -> None:
    sizes, over = np.full(TIME_BLOCKS, 1000), np.array([100 + swing, 100 - swing] * 10)
    effect = estimate_design_effect(sizes, over, over)
    assert (effect > 1.43, effect > 1) == (corrected, True)
    assert (judge_dependent_rate(sizes, over, over, 0.1, 0.2).effective_n < 20_000) is corrected


def test_two_exceedances_are_no_fail() -> None:
    sizes = np.full(TIME_BLOCKS, 1)
    over = np.zeros(TIME_BLOCKS, dtype=int)
    over[:2] = 1
    assert judge_dependent_rate(sizes, over, over, 0.01, 0.02).decision == "inconclusive"
    over[2] = 1
    assert judge_dependent_rate(sizes, over, over, 0.01, 0.02).decision == "fail"


def test_seconds_become_twenty_blocks() -> None:
    seconds = np.arange(203)
    blocks = sum_into_blocks(seconds)
    assert blocks.shape == (TIME_BLOCKS,)
    assert blocks.sum() == seconds.sum()
    lengths = sum_into_blocks(np.ones(203, dtype=int))
    assert set(lengths.tolist()) == {10, 11}
    with pytest.raises(ValueError, match="at least 20"):
        sum_into_blocks(np.ones(19))


@pytest.mark.parametrize(
    ("sizes", "over"),
    [
        (np.full(19, 5), np.zeros(19)),
        (np.r_[0, np.full(19, 5)], np.zeros(20)),
        (np.full(20, 5), np.full(20, 6)),
        (np.full(20, 5), np.full(20, -1)),
        (np.full(20, 5), np.full(20, np.nan)),
        (np.full(20, 5), np.zeros(19)),
    ],
)
def test_blocks_that_are_none_are_refused(sizes: Stream, over: Stream) -> None:
    with pytest.raises(ValueError, match="blocks"):
        estimate_design_effect(sizes, over, np.zeros(20))
