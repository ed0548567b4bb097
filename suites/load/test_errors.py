"""Answers under load: they come to the end of it, and what is declared a success is one."""

from __future__ import annotations

from harness.core.plan import PlannedCheck
from harness.load.judging import judge_answers, judge_errors, judge_failures
from harness.load.run_load import LOAD, list_objectives
from harness.run.gate_run import GateRun
from harness.run.measurements import Measurements
from harness.suite import Verdict, check


@check("no answer under load is silently wrong", grounds=("load",), measures=(LOAD,))
def test_intact(ai_measure: Measurements, ai_run: GateRun) -> Verdict:
    return judge_errors(ai_measure(LOAD), compares=not ai_run.settings.promises.deterministic)


@check("answers under load are those without load", grounds=("load", "deterministic"), measures=(LOAD,))
def test_repeated(ai_measure: Measurements) -> Verdict:
    return judge_answers(ai_measure(LOAD))


@check("the service answers to the end of the load", grounds=("load",), measures=(LOAD,))
def test_answered(ai_measure: Measurements, ai_run: GateRun, ai_planned: PlannedCheck) -> Verdict:
    return judge_failures(ai_measure(LOAD), list_objectives(ai_run, ai_planned))
