"""A failing experiment is run again: in smaller parts, the smallest of which can be replayed; with a shorter pulse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.chaos import run_experiment
from harness.chaos.operator_log import add_remark
from harness.chaos.repeated_runs import bisect_experiment
from harness.core.experiment import ChaosSettings, Experiment, ExperimentPlan, Fault, Sample, TimedFault
from tests.chaos.chaosparts import Run, run_plan
from tests.chaos.test_judging import CHAOS, build_experiment, load

WRONG = Sample(6.0, 0.02, 0.0, silent="a wrong answer")


def make_plan(*, shrink: bool = True) -> ExperimentPlan:
    faults = tuple(TimedFault("model", "down", at=float(i), name=name) for i, name in enumerate(("a", "b", "c")))
    return ExperimentPlan("x", faults, ChaosSettings(10.0, 5.0, 5.0, shrink=shrink))


@pytest.fixture
def measured_faults(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The faults of each experiment that was run; those with fault b get a wrong answer."""
    names: list[list[str]] = []

    def measure(scope: Any, *_: object) -> Experiment:
        names.append([fault.name for fault in scope.case.faults])
        experiment = replace(build_experiment(), plan=scope.case)
        if "b" in names[-1]:
            experiment = replace(experiment, samples=(*experiment.samples, WRONG))
        return experiment

    monkeypatch.setattr(run_experiment, "_measure", measure)
    return names


def test_the_smallest_part_is_named_and_can_be_replayed(
    gate: Callable[..., Run], measured_faults: list[list[str]]
) -> None:
    session, run = gate()
    experiment = run_plan(session, run, make_plan())
    assert measured_faults == [["a", "b", "c"], ["b", "c"], ["c"], ["b"]]
    assert experiment.plan.name == "x"
    assert "the smallest part that fails, after 3 more runs: b; again: aiharness gameday " in experiment.notes[-1]
    text = (run.run_dir.path / "chaos" / "x.smallest.toml").read_text()
    assert text.count("[[experiment.fault]]") == 1


def test_what_passes_or_is_not_asked_for_or_was_ended_by_an_operator_is_not_shrunk(
    gate: Callable[..., Run], measured_faults: list[list[str]]
) -> None:
    session, run = gate()
    run_plan(session, run, make_plan(shrink=False))
    plan = make_plan()
    run_plan(session, run, replace(plan, name="good", faults=(plan.faults[0], plan.faults[2])))
    run_plan(session, run, ExperimentPlan.of_fault(Fault("model", "down", name="b"), plan.chaos))
    assert len(measured_faults) == 3
    add_remark(run.run_dir.path, "lift", "aiharness lift")
    experiment = run_plan(session, run, replace(plan, name="late"))
    assert len(measured_faults) == 3
    assert "not begun: an operator ended the faults" in experiment.undecided


@pytest.mark.parametrize(
    ("limit", "is_back", "durations", "pulse"),
    [
        (3.0, True, [8.0], None),  # the whole pulse is survived: nothing more is run
        (0.2, True, [8.0, 4.0, 2.0, 3.0, 2.5], (2.5, 3.0)),
        (0.2, False, [8.0], (0.0, 8.0)),  # nothing is run on a service that is down for good
    ],
)
def test_after_a_pulse_that_is_not_survived_shorter_ones_are_run(
    limit: float, is_back: bool, durations: list[float], pulse: tuple[float, float] | None
) -> None:
    seen: list[float] = []

    def measure(plan: ExperimentPlan) -> Experiment:
        """A service that stays down after more than 2.7 s, or not at all where `limit` is high."""
        seen.append(plan.duration)
        broken = build_experiment(plan=replace(plan, chaos=CHAOS))
        if plan.duration < 2.7 or limit > 1:
            return broken
        rest = [replace(sample, error="closed") if sample.intended >= 7 else sample for sample in broken.samples]
        again = [*load(17, 27, error=None if is_back else "closed"), *load(27, 32)]
        return replace(broken, samples=(*rest, *again), lowered=17.0, raised=27.0)

    fault = TimedFault("model", "down", name="a", duration=8.0)
    plan = ExperimentPlan("x", (fault,), CHAOS, metastability=True)
    experiment = bisect_experiment(measure(plan), measure, lambda: "")
    assert seen == durations
    assert experiment.pulse == pulse


def test_an_operator_ends_the_search() -> None:
    samples = [
        replace(sample, error="closed") if sample.intended >= 7 else sample for sample in build_experiment().samples
    ]
    broken = build_experiment(samples=tuple(samples))
    assert bisect_experiment(broken, lambda _: build_experiment(), lambda: "lift").pulse == (0.0, broken.plan.duration)
