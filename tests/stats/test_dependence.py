"""The rule for dependent requests: quantiles compared with scipy, and error rates on simulated streams."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from benchmarks._streams import STREAMS, Stream, draw_due_times, get_stream
from benchmarks.boundary_errors import LoadSize, simulate_load
from harness.stats.dependence import (
    NOISE_LEVEL,
    TIME_BLOCKS,
    WINDOWS,
    DependentDecision,
    compute_length_needed,
    compute_student_factor,
    count_over_own_quantiles,
    judge_dependent_rate,
    measure_dependence,
    sum_into_blocks,
)
from harness.stats.intervals import clopper_pearson_lower, clopper_pearson_upper
from tests.catalogues import sample_cases

SMALL = LoadSize(0.05, 270, 27.0)
LARGE = LoadSize(0.01, 10_000, 200.0)
IN_LARGE = [stream for stream in STREAMS if stream.count_disturbances(0.02, 10_000, 200.0) >= 3]
IN_SMALL = [stream for stream in STREAMS if stream.count_disturbances(0.1, 270, 27.0) >= 3]
NOTHING = np.zeros((3, TIME_BLOCKS), dtype=int)


def judge(
    over: list[int], per_block: int = 100, budget: float = 0.05, loosened: float = 0.1, alpha: float = 0.05
) -> DependentDecision:
    sizes = np.full(TIME_BLOCKS, per_block)
    return judge_dependent_rate(sizes, over, NOTHING, budget, loosened, alpha, alpha)


@pytest.mark.parametrize(
    "stream", sample_cases(IN_SMALL, *IN_SMALL[::3], mark=pytest.mark.simulation), ids=lambda stream: stream.name
)
def test_at_the_default_size_few_runs_are_judged_falsely(stream: Stream) -> None:
    """400 runs: 5 % and three standard errors of the simulation."""
    random = np.random.default_rng(1)
    most = 0.05 + 3 * math.sqrt(0.05 * 0.95 / 400)
    assert simulate_load(random, stream, SMALL, 2 * SMALL.budget, 400).passed <= most
    if stream.count_disturbances(SMALL.budget, 270, 27.0) >= 3:
        assert simulate_load(random, stream, SMALL, SMALL.budget, 400).failed <= most


@pytest.mark.slow
@pytest.mark.parametrize(
    "stream", sample_cases(IN_LARGE, *IN_LARGE[::7], mark=pytest.mark.simulation), ids=lambda stream: stream.name
)
def test_at_ten_thousand_requests_few_runs_are_judged_falsely(stream: Stream) -> None:
    random = np.random.default_rng(2)
    most = 0.05 + 3 * math.sqrt(0.05 * 0.95 / 100)
    assert simulate_load(random, stream, LARGE, 2 * LARGE.budget, 100).passed <= most
    if stream.count_disturbances(LARGE.budget, 10_000, 200.0) >= 3:
        assert simulate_load(random, stream, LARGE, LARGE.budget, 100).failed <= most


@pytest.mark.parametrize(("name", "size", "least"), [("independent", SMALL, 0.9), ("AR 0.8", LARGE, 0.8)])
def test_a_healthy_service_passes(name: str, size: LoadSize, least: float) -> None:
    runs = 200 if size is SMALL else 40
    assert simulate_load(np.random.default_rng(3), get_stream(name), size, 0.3 * size.budget, runs).passed >= least


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_each_stream_has_the_share_that_it_states(stream: Stream) -> None:
    random = np.random.default_rng(5)
    values = stream.draw(random, 0.1, draw_due_times(random, 100, 1100, 55.0))
    shares = (values > stream.find_limit(0.1)).mean(axis=1)
    assert shares.mean() == pytest.approx(0.1, abs=4 * shares.std() / 10 + 0.002)


def test_an_episode_counts_as_one_request() -> None:
    """Sixty requests over the limit: scattered, they FAIL against 5 %; in two episodes they decide nothing."""
    scattered, clumped = [8] * TIME_BLOCKS, [0] * TIME_BLOCKS
    clumped[10] = clumped[40] = 100
    assert judge(scattered).decision == "fail"
    assert judge(scattered).effective_n == 6000
    two = judge(clumped)
    assert two.decision == "inconclusive"
    assert two.dependence.is_seen
    assert two.dependence.episodes == pytest.approx(2, abs=0.2)
    assert two.dependence.effect == pytest.approx(100, rel=0.1)


def test_independent_requests_lose_nothing() -> None:
    decision = judge([1, 0, 2, 1] * 15)
    assert decision.upper == clopper_pearson_upper(60, 6000, 0.05)
    assert decision.lower == clopper_pearson_lower(60, 6000, 0.05)
    assert not decision.dependence.is_seen


def test_dependence_shows_below_the_limit() -> None:
    """Nothing is over the limit, and the slow half of the requests comes in two long phases."""
    sizes, over_median = np.full(TIME_BLOCKS, 5), np.repeat([5, 0, 5, 0], 15)
    decision = judge_dependent_rate(sizes, np.zeros(TIME_BLOCKS), [over_median], 0.05, 0.1)
    assert decision.decision == "inconclusive"
    assert judge_dependent_rate(sizes, np.zeros(TIME_BLOCKS), NOTHING, 0.05, 0.1).decision == "pass"


def test_the_length_that_would_decide_grows_with_the_episodes() -> None:
    clumped = [0] * TIME_BLOCKS
    clumped[5] = clumped[30] = clumped[50] = 60
    few = judge(clumped)
    assert few.decision == "inconclusive"
    assert (compute_length_needed(180, 6000, few.dependence, (0.05, 0.1), (0.05, 0.05)) or 0) > 6000
    assert compute_length_needed(450, 6000, few.dependence, (0.05, 0.1), (0.05, 0.05)) is None  # between the budgets


def test_a_run_of_the_length_needed_decides() -> None:
    """Four times as long, with four times as many episodes as those that were too few."""
    sizes, clumped = np.full(TIME_BLOCKS, 100), np.zeros(TIME_BLOCKS, dtype=int)
    clumped[[5, 30, 50]] = 60
    few = judge_dependent_rate(sizes, clumped, NOTHING, 0.05, 0.1)
    needed = compute_length_needed(180, 6000, few.dependence, (0.05, 0.1), (0.05, 0.05))
    assert needed is not None
    growth = math.ceil(needed / 6000)
    spread = np.zeros(TIME_BLOCKS, dtype=int)
    spread[np.linspace(1, TIME_BLOCKS - 2, 3 * growth).astype(int)] = 60
    assert judge_dependent_rate(sizes * growth, spread, NOTHING, 0.05, 0.1).decision == "pass"


def test_half_of_all_requests_fail_whatever_the_dependence() -> None:
    """Markov's inequality: in one run of twenty at most is the share twenty times as high as in the mean."""
    broken = judge([0] * 30 + [100] * 30, budget=0.01, loosened=0.02)
    assert broken.decision == "fail"
    assert broken.lower == 0.05 * 0.5
    assert judge([0] * 55 + [100] * 5, budget=0.05, loosened=0.1).decision == "inconclusive"


@pytest.mark.parametrize("windows", WINDOWS)
def test_noise_is_a_quantile_of_chi_square(windows: int) -> None:
    """The ratio that just counts, by scipy; found by moving one count."""
    exact = stats.chi2.isf(NOISE_LEVEL, windows - 1) / (windows - 1)
    size = TIME_BLOCKS // windows
    for swing in range(2, 50):
        over = np.zeros(TIME_BLOCKS, dtype=int) + 50
        over[: size * (windows // 2)] += swing
        over[size * (windows - windows // 2) :] -= swing
        rate = over.sum() / 6000
        sums = over.reshape(windows, -1).sum(axis=1)
        expected = stats.chisquare(sums, np.full(windows, sums.mean())).statistic / (1 - rate) / (windows - 1)
        effects = [effect for effect, _ in measure_dependence(np.full(TIME_BLOCKS, 100), over, NOTHING).pairs]
        assert any(effect == pytest.approx(expected) for effect in effects) is bool(expected > exact)


@pytest.mark.parametrize("alpha", [0.05, 0.025, 0.0025])
@pytest.mark.parametrize("episodes", [2.0, 2.5, 4.0, 20.0])
def test_the_cost_of_few_episodes_is_students(alpha: float, episodes: float) -> None:
    expected = (stats.t.isf(alpha, episodes - 1) / stats.norm.isf(alpha)) ** 2
    assert compute_student_factor(episodes, alpha) == pytest.approx(expected)


def test_interval_and_decision_agree() -> None:
    """Over clumped and scattered counts of every size."""
    random = np.random.default_rng(8)
    seen = set()
    for _ in range(1500):
        per_block = int(random.integers(1, 60))
        share = random.beta(0.5, 0.5 if random.random() < 0.5 else 8, TIME_BLOCKS) * (random.random() < 0.9)
        over = random.binomial(per_block, share * random.random() ** 2)
        verdict = judge(over.tolist(), per_block)
        expected = "inconclusive"
        if verdict.lower > 0.05:
            expected = "fail"
        elif verdict.upper < 0.1:
            expected = "pass"
        assert verdict.decision == expected
        assert verdict.lower <= verdict.estimate <= verdict.upper or not verdict.estimate
        seen.add(expected)
    assert seen == {"pass", "fail", "inconclusive"}


def test_dependence_far_below_the_limit_does_not_count() -> None:
    """Phases of 20 and 40 ms: of a limit of 100 ms they say something, of one of 2 s nothing."""
    phases = [0.02] * 100 + [0.04] * 60 + [0.02] * 100 + [0.04] * 40
    assert len(count_over_own_quantiles(phases, 0.1, 0.95)) == 2
    assert count_over_own_quantiles(phases, 2.0, 0.95) == []
    assert len(count_over_own_quantiles([value - 0.03 for value in phases], 2.0, 0.95)) == 2  # no times


@pytest.mark.parametrize(("name", "size"), [("AR 0.99", SMALL), ("AR 0.95", SMALL)])
def test_lognormal_times_that_depend_on_one_another_are_judged_rightly(name: str, size: LoadSize) -> None:
    """Sigma 1, at the tolerance: far below the limit is rare enough."""
    random, stream, passed = np.random.default_rng(9), get_stream(name), 0
    values = np.exp(stream.draw(random, 2 * size.budget, draw_due_times(random, 400, size.n, size.seconds)))
    limit = math.exp(stream.find_limit(2 * size.budget))
    for run in values:
        over = sum_into_blocks(run > limit)
        own = count_over_own_quantiles(run, limit, 1 - size.budget)
        sizes = sum_into_blocks(np.ones(size.n))
        passed += judge_dependent_rate(sizes, over, own, size.budget, 2 * size.budget).decision == "pass"
    assert passed / 400 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 400)


def test_counts_in_order_are_summed_into_blocks() -> None:
    assert sum_into_blocks(np.ones(270)).sum() == 270
    assert set(sum_into_blocks(np.ones(270)).tolist()) == {4, 5}
    assert sum_into_blocks([1] * 40).tolist().count(0) == 20
    with pytest.raises(ValueError, match="at least one count"):
        sum_into_blocks([])


@pytest.mark.parametrize("bad", [np.full(TIME_BLOCKS, 101), np.full(TIME_BLOCKS, -1)])
def test_counts_that_do_not_fit_are_refused(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="exceedances must be counts"):
        judge_dependent_rate(np.full(TIME_BLOCKS, 100), bad, NOTHING, 0.05, 0.1)


def test_a_sixth_of_the_run_without_requests_is_refused() -> None:
    sizes = np.full(TIME_BLOCKS, 10)
    sizes[:10] = 0
    with pytest.raises(ValueError, match="every sixth"):
        judge_dependent_rate(sizes, np.zeros(TIME_BLOCKS), NOTHING, 0.05, 0.1)
