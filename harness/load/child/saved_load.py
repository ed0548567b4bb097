"""The run directory of a load that locust made by hand: planned before the first request, judged at its end.

What judges is the load suite itself, as in a gate run, so that `aiharness report` opens the run and the exit status is
the gate's.

Tested in tests/load/test_locust_runs.py.
"""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

from harness.core.load import LoadResult
from harness.core.load_settings import LoadSettings
from harness.core.plan import PlannedCheck
from harness.core.report import Report
from harness.core.settings import Settings
from harness.core.verdict import Status, Verdict, make_inconclusive, make_skipped
from harness.io.rundir import EvidenceLine
from harness.run.gate_run import GateRun
from harness.suite import find_function, list_checks


def plan_load(settings: Settings, suite: str, load: LoadSettings) -> GateRun:
    """A run that judges this load by the suite. Raises `UsageError` for what cannot be planned."""
    settings = replace(settings, suites=(suite,), sections={suite: load})
    run = GateRun(settings, list_checks(suite))
    run.make_plan()
    return run


def judge_run(run: GateRun, result: LoadResult) -> Report:
    """Judge every planned check by the result, write the evidence and the reports."""
    for check in run.plan.checks:
        verdict = _judge_check(run, check, result)
        run.log.record(EvidenceLine(check.id, verdict, run.now()))
    interrupted = None if result.finished or result.problem else "locust was stopped before the end of the load"
    return run.finish(interrupted, None)


def _judge_check(run: GateRun, check: PlannedCheck, result: LoadResult) -> Verdict:
    if check.not_applicable:
        return make_skipped(check.not_applicable)
    function = find_function(check.suite, check.id)
    objectives = {objective.text: objective for objective in run.settings.objectives if objective.suite == check.suite}
    values: dict[str, Any] = {
        "ai_measure": lambda _: result,
        "ai_run": run,
        "ai_planned": check,
        "objective": objectives.get(check.objective or ""),
    }
    verdict = function(**{name: values[name] for name in inspect.signature(function).parameters})
    if verdict.status is Status.ERROR and not result.finished and result.problem is None:
        ended = f"{result.completed} of {result.intended} requests had ended"
        return make_inconclusive(f"the load was stopped before its end: {ended}", n=result.completed)
    return verdict
