"""Robust accuracy under all chosen attacks together: an input is robust if none of them broke it."""

from __future__ import annotations

from harness.core.objective import Objective
from harness.core.plan import PlannedCheck
from harness.robustness.attack_inputs import ATTACKED_INPUTS
from harness.robustness.robust_accuracy import judge_all_attacks
from harness.run.gate_run import GateRun
from harness.run.measurements import Measurements
from harness.suite import Verdict, check


@check(
    "robust accuracy under all attacks together",
    per="objective",
    grounds=("data", "adversarial", "several_attacks"),
    needs=("tensors",),
    measures=(ATTACKED_INPUTS,),
    all_attacks=True,
)
def test_union(ai_measure: Measurements, ai_planned: PlannedCheck, ai_run: GateRun, objective: Objective) -> Verdict:
    attack = ai_run.settings.attack
    assert attack is not None
    results = [ai_measure(ATTACKED_INPUTS, name) for name in attack.attacks]
    return judge_all_attacks(results, objective, ai_planned)
