"""Objectives under a fault: goodput is a share of the baseline's, within the latency that is allowed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.chaos.objective_judging import judge_experiment_objective
from harness.core.experiment import Sample
from harness.core.objective import PROFILES
from harness.core.objective_parser import parse_objective
from harness.core.plan import PlannedCheck
from harness.core.verdict import Status, Verdict
from tests.chaos.test_judging import build_experiment

GOODPUT = parse_objective("chaos", "goodput", ">= 80%", PROFILES["pr"])
LATENCY = parse_objective("chaos", "latency p95", "<= 500ms", PROFILES["pr"])
PLANNED = PlannedCheck("x", "chaos", GOODPUT.level, "x", "estimate", alpha_fail=0.05, cap=400)


def make_load(start: float, end: float, bad: int = 0, of: int = 100, latency: float = 2.0) -> list[Sample]:
    """40 requests/s, `bad` of each `of` with this latency, the others with 20 ms."""
    count = round((end - start) * 40)
    slow = [(i * 37) % of < bad for i in range(count)]
    return [Sample(start + i / 40, latency if slow[i] else 0.02, 0.0) for i in range(count)]


def judge(bad: int, *, latency: float = 2.0, bad_before: int = 0, n: float = 10.0, cap: int = 400) -> Verdict:
    samples = (*make_load(0, 5, bad_before), *make_load(5, 5 + n, bad, latency=latency), *make_load(5 + n, 15 + n))
    experiment = build_experiment(applied=5.0, lifted=5 + n, finished=15 + n, samples=samples)
    return judge_experiment_objective(experiment, GOODPUT, replace(PLANNED, cap=cap), (GOODPUT, LATENCY))


@pytest.mark.parametrize(
    ("bad", "status"), [(0, Status.PASS), (10, Status.PASS), (20, Status.INCONCLUSIVE), (40, Status.FAIL)]
)
def test_goodput_is_judged_with_an_error_statement(bad: int, status: Status) -> None:
    verdict = judge(bad)
    assert verdict.status is status, verdict.reason


def test_what_is_slower_than_the_objectives_allow_is_not_good() -> None:
    assert judge(100, latency=0.4).status is Status.PASS
    assert judge(100, latency=0.6).status is Status.FAIL


def test_without_a_limit_the_baseline_says_what_is_slow() -> None:
    samples = (*make_load(0, 5), *make_load(5, 15, 100, latency=0.4), *make_load(15, 25))
    experiment = build_experiment(applied=5.0, lifted=15.0, finished=25.0, samples=samples)
    assert judge_experiment_objective(experiment, GOODPUT, PLANNED, (GOODPUT,)).status is Status.FAIL


def test_a_baseline_that_is_no_better_is_not_held_against_the_fault() -> None:
    """Goodput of 70 % under the fault and of 86 % before it: 80 % of the baseline's is 69 %."""
    assert judge(30).status is Status.FAIL
    verdict = judge(30, bad_before=14)
    assert verdict.status is Status.INCONCLUSIVE
    assert "of the 200 requests of the baseline 28 were no better" in verdict.reason
    assert judge(60, bad_before=14).status is Status.FAIL


def test_internal_errors_are_those_with_status_500() -> None:
    """A gateway that makes 500 of a 429, one that passes it on, and one that breaks connections."""
    objective = parse_objective("chaos", "internal_error_rate", "<= 10%", PROFILES["pr"])
    results = {}
    for status in (500, 429, None):
        failed = [replace(sample, error="http_status", status=status) for sample in make_load(5, 15)]
        experiment = build_experiment(
            applied=5.0, lifted=15.0, finished=25.0, samples=(*make_load(0, 5), *failed, *make_load(15, 25))
        )
        results[status] = judge_experiment_objective(experiment, objective, PLANNED)
    assert results[500].status is Status.FAIL
    assert "400 of 400 requests under the fault were answered with status 500" in results[500].reason
    assert results[429].status is results[None].status is Status.PASS


def test_a_load_that_stopped_decides_nothing() -> None:
    assert judge(0, n=8.0).status is Status.INCONCLUSIVE
    assert "320 of 400 planned requests" in judge(0, n=8.0).reason


def test_an_objective_after_the_lift_is_about_what_is_due_then() -> None:
    objective = replace(parse_objective("chaos", "error_rate", "<= 10%", PROFILES["pr"]), after=True)
    lost = [replace(sample, error="closed") for sample in make_load(5, 15)]
    samples = (*make_load(0, 5), *lost, *make_load(15, 25))
    chaos = replace(build_experiment().plan.chaos, rate=40.0, recovery=10.0)
    experiment = build_experiment(applied=5.0, lifted=15.0, finished=25.0, samples=samples)
    experiment = replace(experiment, plan=replace(experiment.plan, chaos=chaos))
    assert judge_experiment_objective(experiment, replace(objective, after=False), PLANNED).status is Status.FAIL
    assert judge_experiment_objective(experiment, objective, PLANNED).status is Status.PASS
    late = [replace(sample, error="closed") for sample in make_load(15, 25)]
    broken = replace(experiment, samples=(*make_load(0, 15), *late))
    verdict = judge_experiment_objective(broken, objective, PLANNED)
    assert verdict.status is Status.FAIL
    assert "400 of 400 requests after the lift failed" in verdict.reason
    gone = replace(experiment, samples=(*make_load(0, 5), *lost, *make_load(15, 20)))
    assert (
        "200 of 400 planned requests were due after the lift"
        in judge_experiment_objective(gone, objective, PLANNED).reason
    )
