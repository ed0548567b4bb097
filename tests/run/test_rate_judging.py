"""A rate at a fixed n: PASS and FAIL are exact binomial statements, and an accuracy is its mirror image."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from scipy import stats

from harness.core.objective import PROFILES, Objective
from harness.core.objective_parser import parse_objective
from harness.core.plan import PlannedCheck
from harness.core.verdict import Level, Status
from harness.run.rate_judging import judge_dependent_samples, judge_independent_samples, split_into_blocks

CHECK = PlannedCheck("ai-suite/x.py::test", "validation", Level.BLOCKER, "x", alpha_fail=0.05)
ACCURACY = parse_objective("validation", "accuracy", ">= 90%", PROFILES["release"])


def decide(k: int, n: int, objective: Objective = ACCURACY, check: PlannedCheck = CHECK) -> Status:
    return judge_independent_samples(k, n, objective, check, what="rows were answered wrongly").status


@pytest.mark.parametrize("n", [50, 200, 1000])
def test_decides_as_the_exact_binomial_test_does(n: int) -> None:
    for k in range(n + 1):
        fails = stats.binomtest(k, n, 0.1, "greater").pvalue <= 0.05
        passes = stats.binomtest(k, n, 0.12, "less").pvalue <= 0.05
        expected = Status.FAIL if fails else Status.PASS if passes else Status.INCONCLUSIVE
        assert decide(k, n) is expected, k


@pytest.mark.slow
def test_errors_at_the_boundaries_are_held() -> None:
    n = 1000
    passed = sum(stats.binom.pmf(k, n, 0.12) for k in range(n + 1) if decide(k, n) is Status.PASS)
    failed = sum(stats.binom.pmf(k, n, 0.10) for k in range(n + 1) if decide(k, n) is Status.FAIL)
    assert 0.03 < passed <= 0.05
    assert 0.03 < failed <= 0.05


def test_shares_its_alpha_with_the_other_blockers() -> None:
    k = next(k for k in range(1000) if decide(k, 1000) is Status.FAIL)
    assert decide(k, 1000, check=replace(CHECK, alpha_fail=0.05 / 4)) is Status.INCONCLUSIVE


def test_shows_an_accuracy_as_the_share_of_good_ones() -> None:
    verdict = judge_independent_samples(30, 1000, ACCURACY, CHECK, what="rows were answered wrongly")
    assert verdict.status is Status.PASS
    assert verdict.estimate == pytest.approx(0.97)
    assert verdict.ci is not None
    interval = stats.binomtest(970, 1000).proportion_ci(0.9, "exact")
    assert list(verdict.ci) == pytest.approx([interval.low, interval.high])
    assert [verdict.limit, verdict.limit_loosened] == pytest.approx([0.9, 0.88])
    assert verdict.direction == ">="


def test_nothing_seen_decides_nothing() -> None:
    assert decide(0, 0) is Status.INCONCLUSIVE
    assert decide(0, 5) is Status.INCONCLUSIVE
    with pytest.raises(ValueError, match="is not a valid count"):
        decide(3, 2)


def test_says_how_many_a_fresh_run_needs() -> None:
    verdict = judge_independent_samples(8, 100, ACCURACY, CHECK, what="rows were answered wrongly")
    assert verdict.status is Status.INCONCLUSIVE
    assert verdict.n_needed is not None
    assert verdict.n_needed > 100


@pytest.mark.parametrize("m", [1, 5, 20])
@pytest.mark.parametrize("n", [30, 200, 1000])
def test_interval_and_verdict_never_contradict(n: int, m: int) -> None:
    check = replace(CHECK, alpha_fail=0.05 / m)
    for k in range(0, n // 3, max(1, n // 150)):
        for declined in {0, k // 2}:
            verdict = judge_independent_samples(k, n, ACCURACY, check, what="rows were wrong", declined=declined)
            assert verdict.ci is not None
            assert verdict.limit is not None
            assert verdict.limit_loosened is not None
            lower, upper = verdict.ci
            assert lower is not None
            assert upper is not None
            expected = Status.INCONCLUSIVE
            if upper < verdict.limit:  # an accuracy, whose good side is above
                expected = Status.FAIL
            elif lower > verdict.limit_loosened:
                expected = Status.PASS
            assert verdict.status is expected, (k, declined)


LATENCY = parse_objective("chaos", "latency p90", "<= 1s", PROFILES["pr"])
LATENCY_CHECK = PlannedCheck("ai-suite/x.py::test", "chaos", Level.BLOCKER, "x", alpha_fail=0.05)


def under_load(values: list[float]) -> Status:
    blocks = split_into_blocks(values, LATENCY.limit)
    return judge_dependent_samples(blocks, LATENCY, LATENCY_CHECK, what="requests took too long").status


def test_a_load_too_short_for_blocks_decides_nothing() -> None:
    assert split_into_blocks([0.1] * 39, 1.0) is None
    assert under_load([0.1] * 39) is Status.INCONCLUSIVE


def test_blocks_hold_every_sample_once() -> None:
    values = [0.1] * 90 + [2.0] * 10 + [math.inf] * 7
    blocks = split_into_blocks(values, 1.0)
    assert blocks is not None
    assert (sum(blocks.n), sum(blocks.over)) == (107, 17)
    assert blocks.over[0] == 0
    assert blocks.over[-1] == blocks.n[-1]
    assert sum(blocks.over_quantiles[-1]) <= 11


def test_a_healthy_load_passes_and_a_slow_one_fails() -> None:
    assert under_load([0.1] * 120) is Status.PASS
    assert under_load([0.1, 2.0] * 60) is Status.FAIL
    assert under_load([math.inf] * 120) is Status.FAIL


def test_clumped_samples_say_less_than_scattered_ones() -> None:
    """The same 16 of 120 over the limit: one in eight is no accident, one burst of 16 may be."""
    scattered = [2.0 if i % 8 == 0 else 0.1 for i in range(240)]
    clumped = [0.1] * 210 + [2.0] * 30
    assert under_load(clumped) is Status.INCONCLUSIVE
    one, other = split_into_blocks(scattered, 1.0), split_into_blocks(clumped, 1.0)
    assert one is not None
    assert other is not None
    widths = []
    for blocks in (one, other):
        verdict = judge_dependent_samples(blocks, LATENCY, LATENCY_CHECK, what="requests took too long")
        assert verdict.ci is not None
        low, high = verdict.ci
        assert low is not None
        assert high is not None
        widths.append(high - low)
        assert any("independent" in note for note in verdict.notes)
    assert widths[1] > 1.5 * widths[0]


def test_a_pass_under_load_names_its_window() -> None:
    blocks = split_into_blocks([0.1] * 120, 1.0, 12.0)
    verdict = judge_dependent_samples(blocks, LATENCY, LATENCY_CHECK, what="requests took too long")
    assert any("the 12 s of this run" in note and "every 4 s" in note for note in verdict.notes)
    assert verdict.limit_loosened == pytest.approx(0.2)
