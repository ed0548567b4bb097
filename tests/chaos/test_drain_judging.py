"""The verdict on a rolling restart, on samples made by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.chaos.drain_judging import judge_drain
from harness.core.experiment import ChaosSettings, Experiment, ExperimentPlan, Fault, Proof, Sample, Strike
from harness.core.verdict import Status

CHAOS = ChaosSettings(rate=10.0, baseline=5.0, recovery=5.0)
PLAN = ExperimentPlan.of_fault(Fault("", "stop", duration=5.0, name="stop on a", platform="a"), CHAOS)


def make(
    *, fail: tuple[int, ...] = (), latency: float | None = 0.9, answer: float = 0.9, exit: str = "in time"
) -> Experiment:
    """100 requests a tenth of a second apart, each answered in 0.9 s; those of `fail` failed after `latency`."""
    samples = [Sample(index / 10, answer, 0.0) for index in range(180)]
    for index in fail:
        samples[index] = replace(samples[index], latency=latency, error="transport")
    proof = Proof("probe", None, "stop of a took 0.01 s", exit=exit)  # type: ignore[arg-type]
    strikes = (Strike(PLAN.faults[0], 5.05, 10.0, proof),)
    return Experiment(PLAN, 0.0, 5.05, 10.0, 10.0, 18.0, proof, tuple(samples), struck=25, strikes=strikes)


@pytest.mark.parametrize(
    ("experiment", "status", "words"),
    [
        (make(), Status.PASS, "0 of 9 answers"),
        (make(fail=(48,)), Status.FAIL, "1 of 9 answers that were on their way at the signals were lost"),
        (make(fail=(48,), latency=None), Status.FAIL, "1 of 9 answers"),
        (make(fail=(52,)), Status.FAIL, "1 of 49 requests after them failed"),
        (make(exit="late"), Status.FAIL, "did not end before the lift: stop on a"),
        (make(fail=(2,)), Status.PASS, "0 of 9 answers"),
        (make(fail=(2,), latency=None), Status.PASS, "0 of 9 answers"),
        (make(fail=(150,)), Status.PASS, "0 of 9 answers"),
        (make(answer=0.1), Status.INCONCLUSIVE, "at least 5 must be on their way"),
    ],
)
def test_the_budget_is_zero(experiment: Experiment, status: Status, words: str) -> None:
    verdict = judge_drain(experiment)
    assert verdict.status is status, verdict.reason
    assert words in verdict.reason


def test_what_did_not_happen_is_no_restart() -> None:
    nothing = replace(make(), proof=Proof(), strikes=())
    assert judge_drain(nothing).status is Status.INCONCLUSIVE
    assert judge_drain(replace(make(), broken="a command failed")).status is Status.ERROR
    assert judge_drain(replace(make(), undecided="who knows")).status is Status.INCONCLUSIVE
