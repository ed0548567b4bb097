"""Experiments that show too little to be judged, and healthy services that look sick."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.chaos.answer_reading import find_silent_corruption
from harness.chaos.judging import (
    explain_unsteady_baseline,
    judge_integrity,
    judge_validity,
)
from harness.chaos.objective_judging import judge_experiment_objective
from harness.chaos.recovery_judging import judge_recovery
from harness.core.exchange import Answer
from harness.core.experiment import Sample
from harness.core.objective import PROFILES
from harness.core.objective_parser import parse_objective
from harness.core.plan import PlannedCheck
from harness.core.verdict import Status, Verdict
from tests.chaos.test_judging import BASELINE, build_experiment, exchange, load

ERRORS = parse_objective("chaos", "error_rate", "<= 30%", PROFILES["pr"])
PLANNED = PlannedCheck("x", "chaos", ERRORS.level, "x", "estimate", alpha_fail=0.05, cap=40)


def judge_error_rate(during: list[Sample]) -> Verdict:
    """The verdict over the error rate of an experiment with 40 planned requests under the fault."""
    experiment = build_experiment(lifted=9.0, samples=(*BASELINE, *during, *load(9, 12)))
    return judge_experiment_objective(experiment, ERRORS, PLANNED)


def test_a_load_that_stopped_under_the_fault_is_not_judged_on_what_it_sent() -> None:
    assert judge_error_rate(load(5, 9)).status is Status.PASS
    stopped = judge_error_rate(load(5, 8.5))
    assert stopped.status is Status.INCONCLUSIVE
    assert "35 of 40 planned requests" in stopped.reason


def test_failures_in_one_clump_tell_less_than_as_many_spread_out() -> None:
    every = [replace(sample, error="closed") for sample in load(5, 9)]
    clump = [*every[:13], *load(6.3, 9)]
    spread = [
        failed if i % 3 == 0 else sample for i, (failed, sample) in enumerate(zip(every, load(5, 9), strict=True))
    ]
    widths = [verdict.ci[1] - verdict.ci[0] for samples in (clump, spread) if (verdict := judge_error_rate(samples)).ci]  # type: ignore[operator]
    assert widths[0] > widths[1] + 0.05


def test_a_fault_under_which_nothing_was_asked_is_not_survived() -> None:
    silent_phase = build_experiment(samples=(*BASELINE, *load(7, 12)))
    verdict = judge_validity(silent_phase)
    assert verdict is not None
    assert "was not measured" in verdict.reason
    assert judge_integrity(silent_phase).status is judge_recovery(silent_phase).status is Status.INCONCLUSIVE


def test_a_client_that_was_late_only_under_a_short_fault_decides_nothing() -> None:
    late = [replace(sample, lag=0.5) for sample in load(5, 5.4)]
    experiment = build_experiment(samples=(*BASELINE, *late, *load(5.4, 12)), lifted=5.4)
    verdict = judge_validity(experiment)
    assert verdict is not None
    assert "bound by the client" in verdict.reason


def test_a_handful_of_requests_is_no_baseline() -> None:
    assert "too few for a baseline" in explain_unsteady_baseline(BASELINE[:4], [])
    assert not explain_unsteady_baseline(BASELINE[:5], [])


@pytest.mark.parametrize(("limit", "status"), [(None, Status.FAIL), (5.0, Status.FAIL), (30.0, Status.INCONCLUSIVE)])
def test_a_recovery_not_seen_refutes_no_limit_beyond_what_was_watched(limit: float | None, status: Status) -> None:
    verdict = judge_recovery(build_experiment(samples=(*BASELINE, *load(5, 17, error="closed"))), limit)
    assert verdict.status is status
    assert verdict.ci == (5.0, None)


@pytest.mark.parametrize(
    ("outputs", "wrong"),
    [
        ({"y": [0.1, 0.9], "took_ms": 17}, False),
        ({"y": [0.1, 0.9 + 1e-7], "took_ms": 3}, False),
        ({"y": [0.1, 0.8], "took_ms": 3}, True),
        ({"y": [0.1], "took_ms": 3}, True),
        ({"took_ms": 3}, True),
    ],
)
def test_a_time_in_the_answer_and_the_last_place_of_a_float_are_no_corruption(outputs: Any, wrong: bool) -> None:
    seen = replace(exchange(), answer=Answer(outputs=outputs))
    assert bool(find_silent_corruption(seen, Answer(outputs={"y": [0.1, 0.9], "took_ms": 3}))) is wrong
