"""The configured objectives, judged by the time blocks of one open-loop load."""

from __future__ import annotations

from harness.core.objective import Objective
from harness.core.plan import PlannedCheck
from harness.load.run_load import judge_load, load
from harness.run.gate_run import GateRun
from harness.suite import Session, Verdict, check


@check("objective", per="objective", grounds=("load",), tokens=16)
def test_objective(ai_client: Session, ai_run: GateRun, ai_planned: PlannedCheck, objective: Objective) -> Verdict:
    return judge_load(load(ai_client, ai_run), objective, ai_planned)
