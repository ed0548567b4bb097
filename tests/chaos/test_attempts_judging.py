"""How many attempts a request may cost under a fault: counted by our marks on the links behind the service."""

from __future__ import annotations

import pytest

from harness.chaos.attempts_judging import count_attempts
from harness.chaos.objective_judging import judge_experiment_objective as judge
from harness.chaos.struck import Traffic
from harness.core.errors import UsageError
from harness.core.objective import PROFILES
from harness.core.objective_parser import parse_objective
from harness.core.plan import PlannedCheck
from harness.core.verdict import Status
from tests.chaos.test_judging import build_experiment

ATTEMPTS = parse_objective("chaos", "attempts", "<= 1.5", PROFILES["pr"])
PLANNED = PlannedCheck("x", "chaos", ATTEMPTS.level, "x", "estimate", alpha_fail=0.05, cap=None)


@pytest.mark.parametrize(
    ("count", "status", "words"),
    [
        (100, Status.PASS, "100 attempts for 100 requests under the faults: 1.00 for each"),
        (140, Status.INCONCLUSIVE, "too near to 1.5"),
        (180, Status.INCONCLUSIVE, "too near to 1.5"),
        (300, Status.FAIL, "3.00 for each"),
    ],
)
def test_a_count_is_left_open_near_its_limit(count: int, status: Status, words: str) -> None:
    verdict = judge(build_experiment(attempts=(count, 100)), ATTEMPTS, PLANNED)
    assert verdict.status is status, verdict.reason
    assert words in verdict.reason


def test_few_requests_and_uncounted_ones_show_nothing() -> None:
    for attempts in (None, (0, 0), (4, 4)):
        assert judge(build_experiment(attempts=attempts), ATTEMPTS, PLANNED).status is Status.INCONCLUSIVE


def test_what_was_stopped_cannot_pass_and_can_fail() -> None:
    stopped = "error_rate > 50 % for 5s"
    assert judge(build_experiment(attempts=(100, 100), stopped=stopped), ATTEMPTS, PLANNED).status is not Status.PASS
    assert judge(build_experiment(attempts=(900, 100), stopped=stopped), ATTEMPTS, PLANNED).status is Status.FAIL


def test_attempts_are_those_of_all_links_and_only_where_they_carry_every_request() -> None:
    half, all_of_them = Traffic(25, 50), Traffic(50, 50)
    assert count_attempts([(half, (25, 50), (125, 110)), (half, (25, 50), (85, 110))]) == (160, 60)
    assert count_attempts([(all_of_them, (50, 50), (110, 110))]) == (60, 60)
    assert count_attempts([(half, (25, 50), (125, 110))]) is None, "the other link may carry the retries"
    assert count_attempts([(Traffic(0, 50), (0, 50), (0, 110))]) is None, "no marks"
    assert count_attempts([]) is None


@pytest.mark.parametrize("limit", ["<= 0.5", "<= 150%", ">= 2", "<= 2s", "<= 2/s"])
def test_a_limit_is_attempts_for_each_request(limit: str) -> None:
    with pytest.raises(UsageError, match=r"attempts takes attempts for each request, from 1 on, like '<= 1.5'"):
        parse_objective("chaos", "attempts", limit, PROFILES["pr"])
    assert ATTEMPTS.text == "attempts <= 1.5"
