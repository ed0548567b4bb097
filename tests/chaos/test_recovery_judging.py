"""Recovery, held to its limit: what the verdict is and what it says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.chaos.recovery_judging import find_recovery, judge_recovery
from harness.core.experiment import Sample
from harness.core.verdict import Status
from tests.chaos.test_judging import BASELINE, build_experiment, load


def break_until(end: float, *, latency: float = 0.02, error: str | None = "closed") -> tuple[Sample, ...]:
    """Samples of an experiment: the fault is lifted at 7 s, the service answers as before from `end` (seconds) on."""
    return (*BASELINE, *load(5, 7, error="closed"), *load(7, end, latency=latency, error=error), *load(end, 17))


@pytest.mark.parametrize(
    ("back", "limit", "status"),
    [
        (7.0, None, Status.PASS),
        (7.0, 0.0, Status.PASS),
        (8.5, None, Status.PASS),
        (8.5, 2.0, Status.PASS),
        (8.5, 0.5, Status.FAIL),
        (8.5, 1.3, Status.INCONCLUSIVE),
        (13.5, None, Status.FAIL),
    ],
)
@pytest.mark.parametrize(("latency", "error"), [(0.02, "closed"), (1.0, None)], ids=["failing", "slow"])
def test_recovery_is_held_to_its_limit(
    back: float, limit: float | None, status: Status, latency: float, error: str | None
) -> None:
    verdict = judge_recovery(build_experiment(samples=break_until(back, latency=latency, error=error)), limit)
    assert verdict.status is status, verdict.reason
    if back < 12:
        assert verdict.estimate == pytest.approx(back - 7, abs=0.11)


def test_what_is_not_over_twice_the_p95_and_50_ms_is_back() -> None:
    statuses = [
        judge_recovery(build_experiment(samples=break_until(17, latency=latency, error=None))).status
        for latency in (0.089, 0.091)
    ]
    assert statuses == [Status.PASS, Status.FAIL]


def test_no_recovery_is_right_censored() -> None:
    experiment = build_experiment(samples=break_until(17.0))
    verdict = judge_recovery(experiment)
    assert (verdict.status, verdict.estimate, verdict.ci) == (Status.FAIL, None, (5.0, None))
    assert "right-censored" in verdict.reason
    assert find_recovery(experiment) is None


def test_a_relapse_after_the_limit_is_no_recovery() -> None:
    samples = (*break_until(7.0)[:-40], *load(13, 15, error="closed"), *load(15, 17))
    verdict = judge_recovery(build_experiment(samples=samples), 2.0)
    assert verdict.status is Status.FAIL
    assert "20 of 80 failed" in verdict.reason


def test_single_failures_after_the_limit_are_background() -> None:
    samples = [replace(s, error="closed") if i in (110, 131, 152) else s for i, s in enumerate(break_until(7.0))]
    verdict = judge_recovery(build_experiment(samples=tuple(samples)), 2.0)
    assert verdict.status is Status.PASS
    assert verdict.estimate == 0.0
    assert "3 of 80 failed" in verdict.reason


def test_an_undecided_recovery_names_the_rate_that_decides() -> None:
    samples = [replace(s, error="closed") if i > 120 and i % 7 == 0 else s for i, s in enumerate(break_until(7.0))]
    verdict = judge_recovery(build_experiment(samples=tuple(samples)))
    assert verdict.status is Status.INCONCLUSIVE
    assert "[chaos] rate = " in verdict.reason, verdict.reason
    assert not verdict.counterexamples


def test_a_wrong_answer_is_a_bad_one() -> None:
    wrong = [replace(s, silent="another answer") for s in load(7, 17)]
    assert find_recovery(build_experiment(samples=(*break_until(7.0)[:-100], *wrong))) is None
