"""Whether the load was the one asked for: without that, nothing else here says anything."""

from __future__ import annotations

from harness.core.plan import PlannedCheck
from harness.load.judging import judge_generator
from harness.load.run_load import LOAD, list_objectives
from harness.run.gate_run import GateRun
from harness.run.measurements import Measurements
from harness.suite import Verdict, check


@check("the load generator kept up", grounds=("load",), measures=(LOAD,))
def test_kept_up(ai_measure: Measurements, ai_run: GateRun, ai_planned: PlannedCheck) -> Verdict:
    return judge_generator(ai_measure(LOAD), list_objectives(ai_run, ai_planned), ai_planned)
