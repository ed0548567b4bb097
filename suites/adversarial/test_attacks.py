"""Robust accuracy under each chosen attack that has no module of its own: an attack is one file, and is judged here."""

from __future__ import annotations

from harness.core.objective import Objective
from harness.core.plan import PlannedCheck
from harness.robustness.attack_inputs import ATTACKED_INPUTS
from harness.robustness.robust_accuracy import judge_robust_accuracy
from harness.run.measurements import Measurements
from harness.suite import Verdict, check

from .test_square import SQUARE


@check(
    "robust accuracy",
    per="attack_objective",
    without_attacks=(SQUARE,),
    grounds=("data", "adversarial"),
    needs=("tensors",),
    measures=(ATTACKED_INPUTS,),
)
def test_attack(ai_measure: Measurements, ai_planned: PlannedCheck, attack: str, objective: Objective) -> Verdict:
    return judge_robust_accuracy(ai_measure(ATTACKED_INPUTS, attack), objective, ai_planned)
