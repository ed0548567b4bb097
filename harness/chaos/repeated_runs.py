"""An experiment that failed is run again: smaller, to name the smallest part that fails; shorter, to see what it takes.

`measure` runs a plan once, `find_stop` says why an operator ends it.

Tested in tests/chaos/test_repeated_runs.py.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

from harness.chaos.judging import judge_integrity
from harness.chaos.pulse_judging import is_back_after_lowering
from harness.chaos.recovery_judging import judge_recovery
from harness.core.experiment import Experiment, ExperimentPlan
from harness.core.pulse import bisect_pulse, shorten_pulse
from harness.core.shrinking import format_plan, shrink_plan
from harness.core.verdict import Status

Measure = Callable[[ExperimentPlan], Experiment]


def find_failed_check(experiment: Experiment) -> str:
    """Which check of the experiment FAILs: `intact`, `recovers`, or an empty text for none."""
    checks = {"intact": judge_integrity, "recovers": judge_recovery}
    return next((name for name, judge in checks.items() if judge(experiment).status is Status.FAIL), "")


def shrink_experiment(
    experiment: Experiment, failed: str, measure: Measure, find_stop: Callable[[], str], write: Callable[[bytes], str]
) -> Experiment:
    """The experiment with a note on its smallest part that fails in the same check.

    `write` keeps the text of its plan, and returns where.
    """
    plan, count = experiment.plan, itertools.count(1)

    def fails(part: ExperimentPlan) -> bool:
        if find_stop():
            return False
        return find_failed_check(measure(replace(part, name=f"{plan.name}, part {next(count)}"))) == failed

    smallest = shrink_plan(plan, fails)
    path = write(format_plan(smallest.plan).encode())
    faults = ", ".join(fault.name for fault in smallest.plan.faults)
    note = f"the smallest part that fails, after {smallest.runs} more runs: {faults}; again: aiharness gameday {path}"
    if not smallest.is_minimal:
        note += f" (after {smallest.runs} runs no more were tried)"
    return replace(experiment, notes=(*experiment.notes, note))


def bisect_experiment(experiment: Experiment, measure: Measure, find_stop: Callable[[], str]) -> Experiment:
    """The experiment with the longest pulse that is survived, where its own is not, and the service is back since."""
    plan, last = experiment.plan, experiment

    def survives(share: float) -> bool | None:
        nonlocal last
        if find_stop() or not is_back_after_lowering(last):
            return None
        last = measure(replace(shorten_pulse(plan, share), metastability=True))
        return {Status.PASS: True, Status.FAIL: False}.get(judge_recovery(last).status)

    if judge_recovery(experiment).status is not Status.FAIL:
        return experiment
    survived, broken = bisect_pulse(survives)
    return replace(experiment, pulse=(survived * plan.duration, broken * plan.duration))
