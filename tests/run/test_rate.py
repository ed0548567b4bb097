"""A rate at a fixed n: PASS and FAIL are exact binomial statements, and an accuracy is its mirror image."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scipy import stats

from harness.core.objective import PROFILES, Objective, parse_objective
from harness.core.plan import PlannedCheck
from harness.core.verdict import Level, Status
from harness.run.rate import judge_fixed

CHECK = PlannedCheck("ai-suite/x.py::test", "validation", Level.BLOCKER, "x", alpha_fail=0.05)
ACCURACY = parse_objective("validation", "accuracy", ">= 90%", PROFILES["release"])


def decide(k: int, n: int, objective: Objective = ACCURACY, check: PlannedCheck = CHECK) -> Status:
    return judge_fixed(k, n, objective, check, what="rows were answered wrongly").status


@pytest.mark.parametrize("n", [50, 200, 1000])
def test_decides_as_the_exact_binomial_test_does(n: int) -> None:
    for k in range(n + 1):
        fails = stats.binomtest(k, n, 0.1, "greater").pvalue <= 0.05
        passes = stats.binomtest(k, n, 0.12, "less").pvalue <= 0.05
        expected = Status.FAIL if fails else Status.PASS if passes else Status.INCONCLUSIVE
        assert decide(k, n) is expected, k


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
    verdict = judge_fixed(30, 1000, ACCURACY, CHECK, what="rows were answered wrongly")
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
    with pytest.raises(ValueError, match="no count"):
        decide(3, 2)


def test_says_how_many_a_fresh_run_needs() -> None:
    verdict = judge_fixed(8, 100, ACCURACY, CHECK, what="rows were answered wrongly")
    assert verdict.status is Status.INCONCLUSIVE
    assert verdict.n_needed is not None
    assert verdict.n_needed > 100
