"""The comparison of two shares against brute force, and its exact error rates at the sizes that ship."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from scipy import optimize, special, stats

from benchmarks.comparison_errors import (
    list_pair_region,
    list_sample_region,
    list_shares,
    weigh_alike_pairs,
    weigh_independent_pairs,
    weigh_samples,
)
from harness.stats.difference import (
    PairCounts,
    SampleCounts,
    decide_difference,
    judge_difference,
    measure_pair_dependence,
    score_pairs,
    score_samples,
)


def maximise_pairs(worse: int, better: int, n: int, difference: float) -> float:
    """The better share of the largest likelihood, found numerically."""

    def lose(share: float) -> float:
        rates = (share + difference, share, 1 - 2 * share - difference)
        counts = (worse, better, n - worse - better)
        return -sum(float(special.xlogy(k, max(p, 1e-300))) for k, p in zip(counts, rates, strict=True))

    bounds = (max(0.0, -difference), (1 - difference) / 2)
    return float(optimize.minimize_scalar(lose, bounds=bounds, method="bounded", options={"xatol": 1e-13}).x)


def score_pairs_by_force(worse: int, better: int, n: int, difference: float) -> float:
    share = maximise_pairs(worse, better, n, difference)
    return (worse - better - n * difference) / math.sqrt(n * (2 * share + difference - difference**2))


def maximise_samples(k1: int, n1: int, k0: int, n0: int, difference: float) -> float:
    """The baseline's share of the largest likelihood, found numerically."""

    def lose(share: float) -> float:
        parts = ((k1, share + difference), (n1 - k1, 1 - share - difference), (k0, share), (n0 - k0, 1 - share))
        return -sum(float(special.xlogy(k, max(p, 1e-300))) for k, p in parts)

    bounds = (max(0.0, -difference), min(1.0, 1 - difference))
    return float(optimize.minimize_scalar(lose, bounds=bounds, method="bounded", options={"xatol": 1e-13}).x)


def score_samples_by_force(k1: int, n1: int, k0: int, n0: int, difference: float) -> float:
    share = maximise_samples(k1, n1, k0, n0, difference)
    variance = (share + difference) * (1 - share - difference) / n1 + share * (1 - share) / n0
    return (k1 / n1 - k0 / n0 - difference) / math.sqrt(variance)


PAIRS = [(12, 3, 100), (5, 0, 80), (0, 7, 20), (1, 1, 10), (0, 0, 50), (40, 60, 1000), (16, 16, 1600)]
SAMPLES = [(12, 100, 3, 100), (5, 80, 0, 60), (0, 20, 7, 30), (0, 50, 0, 50), (48, 1600, 16, 3000), (30, 30, 2, 30)]
DIFFERENCES = [0.01, 0.05, 0.2, -0.03]


@pytest.mark.parametrize(("counts", "difference"), list(product(PAIRS, DIFFERENCES)))
def test_the_score_of_pairs_is_that_of_the_largest_likelihood(counts: tuple[int, int, int], difference: float) -> None:
    expected = score_pairs_by_force(*counts, difference)
    assert float(score_pairs(*counts, difference)) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("counts", "difference"), list(product(SAMPLES, DIFFERENCES)))
def test_the_score_of_samples_is_that_of_the_largest_likelihood(
    counts: tuple[int, int, int, int], difference: float
) -> None:
    expected = score_samples_by_force(*counts, difference)
    assert float(score_samples(*counts, difference)) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("worse", "better", "margin"), [(0, 0, 0.2), (3, 1, 0.1), (6, 1, 0.2), (9, 2, 0.05)])
def test_the_tails_of_pairs_are_sums_over_all_outcomes(worse: int, better: int, margin: float) -> None:
    n = 20
    share = maximise_pairs(worse, better, n, margin)
    rates, observed = (share + margin, share, 1 - 2 * share - margin), score_pairs_by_force(worse, better, n, margin)
    low = high = 0.0
    for b, c in product(range(n + 1), repeat=2):
        if b + c <= n:
            weight = float(stats.multinomial.pmf([b, c, n - b - c], n, rates))
            score = score_pairs_by_force(b, c, n, margin)
            low += weight * (score <= observed + 1e-5)
            high += weight * (score >= observed - 1e-5)
    assert PairCounts(n, worse, better).compute_tails(margin) == pytest.approx((low, high), abs=1e-6)


@pytest.mark.parametrize(("k1", "k0", "margin"), [(0, 0, 0.2), (3, 1, 0.1), (8, 1, 0.2), (9, 2, 0.05)])
def test_the_tails_of_samples_are_sums_over_all_outcomes(k1: int, k0: int, margin: float) -> None:
    n1, n0 = 15, 12
    share = maximise_samples(k1, n1, k0, n0, margin)
    observed = score_samples_by_force(k1, n1, k0, n0, margin)
    low = high = 0.0
    for one, other in product(range(n1 + 1), range(n0 + 1)):
        weight = float(stats.binom.pmf(one, n1, share + margin) * stats.binom.pmf(other, n0, share))
        score = score_samples_by_force(one, n1, other, n0, margin)
        low += weight * (score <= observed + 1e-5)
        high += weight * (score >= observed - 1e-5)
    assert SampleCounts(n1, k1, n0, k0).compute_tails(margin) == pytest.approx((low, high), abs=1e-6)


@pytest.mark.parametrize(("n", "margin"), [(20, 0.2), (100, 0.05), (1600, 0.01)])
def test_pairs_err_in_five_percent_at_most(n: int, margin: float) -> None:
    """Whatever the baseline's share, and however much both sides have in common; small n and no discordant pair too."""
    largest = 1.2 * margin
    region = list_pair_region(n, margin, largest)
    for share, weigh in product(list_shares(margin, largest), (weigh_independent_pairs, weigh_alike_pairs)):
        false_pass, false_fail = region.sum_up(weigh(region, n, share + margin, share))
        assert max(false_pass, false_fail) <= 0.0505, share
    if n == 1600:
        assert region.sum_up(weigh_independent_pairs(region, n, margin, margin))[0] >= 0.86
        assert region.sum_up(weigh_independent_pairs(region, n, 3 * margin, margin))[1] >= 0.66
        assert region.sum_up(weigh_alike_pairs(region, n, margin, margin))[0] >= 0.99
        assert region.sum_up(weigh_alike_pairs(region, n, 3 * margin, margin))[1] >= 0.86


@pytest.mark.parametrize(("n", "margin", "most"), [(20, 0.2, 0.0505), (60, 0.2, 0.053), (100, 0.05, 0.0505)])
def test_samples_err_in_five_percent_at_most(n: int, margin: float, most: float) -> None:
    largest = 3 * margin
    region = list_sample_region(n, margin, largest)
    for share in list_shares(margin, largest):
        false_pass, false_fail = region.sum_up(weigh_samples(region, n, share + margin, share))
        assert max(false_pass, false_fail) <= most, share


def test_simulated_pairs_err_in_five_percent_at_most() -> None:
    """Independent of the benchmark's probabilities: drawn pairs at the margin, of which half meet both sides."""
    n, margin, share, runs = 500, 0.05, 0.04, 1200
    random = np.random.default_rng(12)
    common = random.random((runs, n)) < share / 2
    alone = (share / 2) / (1 - share / 2)
    over = common | (random.random((runs, n)) < (share + margin - share / 2) / (1 - share / 2))
    baseline_over = common | (random.random((runs, n)) < alone)
    worse, better = (over & ~baseline_over).sum(axis=1), (baseline_over & ~over).sum(axis=1)
    outcomes = zip(worse.tolist(), better.tolist(), strict=True)
    decisions = [decide_difference(PairCounts(n, *outcome), margin) for outcome in outcomes]
    sampling = 3 * math.sqrt(0.05 * 0.95 / runs)
    for wrong in ("pass", "fail"):
        assert 0.02 < decisions.count(wrong) / runs <= 0.05 + sampling


def test_pairs_show_more_than_two_samples() -> None:
    """Five of a hundred on each side, four of them in common."""
    assert decide_difference(PairCounts(100, 1, 1), 0.05) == "pass"
    assert decide_difference(SampleCounts(100, 5, 100, 5), 0.05) == "inconclusive"


@pytest.mark.parametrize("counts", [PairCounts(20, 2, 0), SampleCounts(20, 2, 2000, 0)])
def test_fewer_than_three_never_fail(counts: PairCounts | SampleCounts) -> None:
    assert counts.compute_tails(0.001)[1] <= 0.2
    decided = judge_difference(counts, 0.001, 0.2, 0.2)
    assert decided.decision == "inconclusive"
    assert decided.lower <= 0.001


@pytest.mark.parametrize(
    "counts",
    [
        *(PairCounts(n, b, c) for b, c, n in PAIRS),
        *(SampleCounts(n1, k1, n0, k0) for k1, n1, k0, n0 in SAMPLES),
        PairCounts(1, 1, 0),
        PairCounts(60, 60, 0),
        PairCounts(60, 0, 60),
        SampleCounts(60, 60, 60, 0),
        SampleCounts(60, 0, 60, 60),
    ],
)
@pytest.mark.parametrize("margin", [0.01, 0.2])
def test_the_interval_is_the_one_that_decides(counts: PairCounts | SampleCounts, margin: float) -> None:
    decided = judge_difference(counts, margin, 0.05, 0.01)
    assert -1 <= decided.lower <= decided.estimate <= decided.upper <= 1
    expected = "inconclusive"
    if decided.lower > margin:
        expected = "fail"
    elif decided.upper < margin:
        expected = "pass"
    assert decided.decision == decide_difference(counts, margin, 0.05, 0.01) == expected


def test_dependent_pairs_are_worth_fewer() -> None:
    assert decide_difference(PairCounts(1600, 16, 16), 0.01) == "pass"
    assert decide_difference(PairCounts(1600, 16, 16), 0.01, effect=(20.0,)) == "inconclusive"
    assert decide_difference(PairCounts(1600, 60, 16), 0.01) == "fail"
    assert decide_difference(PairCounts(1600, 60, 16), 0.01, effect=(20.0,)) == "inconclusive"
    assert decide_difference(SampleCounts(1600, 60, 1600, 16), 0.01, effect=(1.0, 20.0)) == "inconclusive"
    assert decide_difference(PairCounts(1600, 0, 0), 0.01, effect=(1600.0,)) == "inconclusive"


def test_the_size_that_decides() -> None:
    decided = judge_difference(PairCounts(400, 4, 4), 0.01)
    assert decided.decision == "inconclusive"
    needed = decided.n_needed
    assert needed is not None
    more = round(needed / 100)
    assert decide_difference(PairCounts(needed, more, more), 0.01) == "pass"
    assert judge_difference(PairCounts(400, 8, 4), 0.01).n_needed is None  # the difference is the margin


def test_what_meets_both_sides_alike_is_no_dependence_of_the_pairs() -> None:
    random = np.random.default_rng(3)
    episodes = np.repeat(random.random(60) < 0.2, 10) * 1.0  # of ten in 600 requests
    ours, theirs = (episodes + random.exponential(0.1, 600) + 4 * (random.random(600) < 0.05) for _ in range(2))
    alike = measure_pair_dependence(ours, theirs, 3.0, 0.9)
    unlike = measure_pair_dependence(ours, theirs - episodes, 3.0, 0.9)
    assert alike is not None
    assert unlike is not None
    assert not alike.is_seen
    assert unlike.effect > 3
    assert measure_pair_dependence([math.inf] * 11, [math.inf] * 11, 1.0, 0.9) is None
    broken = measure_pair_dependence([math.inf] * 40, [math.inf] * 40, 1.0, 0.9)
    assert broken is not None
    assert not broken.is_seen


@pytest.mark.parametrize("outcome", [(10, 8, 4), (10, -1, 2), (0, 0, 0)])
def test_counts_that_are_none_are_refused(outcome: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="valid count"):
        PairCounts(*outcome)
    with pytest.raises(ValueError, match="valid count"):
        SampleCounts(outcome[0], outcome[0] + 1, 10, 0)


@pytest.mark.parametrize(("margin", "alpha"), [(0.0, 0.05), (1.0, 0.05), (0.1, 0.0), (0.1, 0.6)])
def test_limits_that_are_none_are_refused(margin: float, alpha: float) -> None:
    with pytest.raises(ValueError, match="must lie in"):
        judge_difference(PairCounts(10, 1, 1), margin, alpha)
