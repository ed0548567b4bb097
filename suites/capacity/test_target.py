"""Whether the service has the capacity that is wanted, by one search over loads at several rates."""

from __future__ import annotations

from harness.core.plan import PlannedCheck
from harness.load.run_load import list_objectives
from harness.load.sweep import SWEEP
from harness.load.sweep_words import judge_target
from harness.run.gate_run import GateRun
from harness.run.measurements import Measurements
from harness.suite import Verdict, check, make_inconclusive


@check("the capacity is at least the target rate", grounds=("capacity",), measures=(SWEEP,))
def test_target_rate(ai_measure: Measurements, ai_run: GateRun, ai_planned: PlannedCheck) -> Verdict:
    if not list_objectives(ai_run, ai_planned):
        return make_inconclusive('no [[objective]] has suite = "capacity": a capacity is one for an objective')
    return judge_target(ai_measure(SWEEP))
