"""Shares against a limit: exact at the limit, three-valued; a limit of 0 is a contract."""

from __future__ import annotations

import pytest

from harness.core.objective import PROFILES
from harness.core.plan import PlannedCheck
from harness.core.verdict import Counterexample, Level, Status, Verdict
from harness.run.share_judging import judge_share
from harness.stats.beta import binomial_cdf, binomial_sf

CHECK = PlannedCheck("x", "validation", Level.BLOCKER, "x", "estimate", alpha=0.05, alpha_fail=0.05)
EXAMPLE = Counterexample("row 3 differs")


def judge(k: int, n: int, limit: float) -> Verdict:
    return judge_share(
        k, n, limit, CHECK, PROFILES["release"], what="rows differ", holds="all agree", examples=[EXAMPLE]
    )


def test_without_a_limit_one_is_enough_and_none_says_what_is_excluded() -> None:
    failed, passed = judge(3, 200, 0.0), judge(0, 200, 0.0)
    assert (failed.status, failed.estimate, failed.n) == (Status.FAIL, 0.015, 200)
    assert failed.reason == "3 of 200 rows differ (0.41 to 3.83 %): row 3 differs"
    assert (passed.status, passed.n) == (Status.PASS, 200)
    assert passed.excluded_rate == pytest.approx(1 - 0.05 ** (1 / 200))
    assert judge(0, 0, 0.0).status is Status.INCONCLUSIVE


@pytest.mark.parametrize(("n", "limit"), [(100, 0.05), (200, 0.02), (1000, 0.1)])
def test_errors_at_the_limit_and_at_its_tolerance_are_exact(n: int, limit: float) -> None:
    """No false FAIL at the limit and no false PASS at twice the limit, in more than 5 % of runs, over every count."""
    statuses = [judge(k, n, limit).status for k in range(n + 1)]
    first_fail = statuses.index(Status.FAIL)
    passes = statuses.count(Status.PASS)
    assert statuses == sorted(statuses, key=(Status.PASS, Status.INCONCLUSIVE, Status.FAIL).index)
    assert binomial_sf(first_fail, n, limit) <= 0.05
    assert passes == 0 or binomial_cdf(passes - 1, n, 2 * limit) <= 0.05
    assert judge(0, 0, limit).status is Status.INCONCLUSIVE
