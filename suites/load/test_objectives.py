"""The configured objectives, judged by the time blocks of one open-loop load."""

from __future__ import annotations

from harness.core.objective import Objective
from harness.core.plan import PlannedCheck
from harness.load.judging import judge_load
from harness.load.run_load import LOAD
from harness.run.measurements import Measurements
from harness.suite import Verdict, check


@check("objective", per="objective", grounds=("load",), measures=(LOAD,))
def test_objective(ai_measure: Measurements, ai_planned: PlannedCheck, objective: Objective) -> Verdict:
    return judge_load(ai_measure(LOAD), objective, ai_planned)
