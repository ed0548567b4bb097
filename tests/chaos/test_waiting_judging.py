"""Whether retries wait as long as they were asked to, by what the proxy counted."""

from __future__ import annotations

from typing import Any

import pytest

from harness.chaos.waiting_judging import judge_waiting
from harness.core.experiment import Proof, Strike
from harness.core.verdict import Status
from tests.chaos.test_judging import build_experiment


def judge(*counts: tuple[int, int], **more: Any) -> tuple[Status, str]:
    strikes = []
    for waits, early in counts:
        strikes.append(
            Strike(build_experiment().plan.faults[0], 5.0, 7.0, Proof("counter", 20, waits=waits, early=early))
        )
    verdict = judge_waiting(build_experiment(strikes=tuple(strikes), **more))
    return verdict.status, verdict.reason


@pytest.mark.parametrize(
    ("counts", "status", "words"),
    [
        (((6, 0), (6, 0)), Status.PASS, "12 requests were refused"),
        (((6, 0), (6, 1)), Status.FAIL, "1 attempts came before"),
        (((1, 1),), Status.FAIL, "1 attempts came before"),
        (((9, 0),), Status.INCONCLUSIVE, "at least 10"),
        (((0, 0),), Status.INCONCLUSIVE, "traceparent"),
    ],
)
def test_one_early_attempt_fails(counts: tuple[tuple[int, int], ...], status: Status, words: str) -> None:
    result, reason = judge(*counts)
    assert result is status, reason
    assert words in reason


def test_a_fault_that_was_stopped_or_did_not_land_does_not_pass() -> None:
    assert judge((20, 0), stopped="x")[0] is Status.INCONCLUSIVE
    assert judge((20, 0), proof=Proof())[0] is Status.INCONCLUSIVE
