"""Robust accuracy under the Square attack: small changes of the input, chosen by asking alone."""

from __future__ import annotations

from harness.core.objective import Objective
from harness.core.plan import PlannedCheck
from harness.robustness.attack_inputs import ATTACKED_INPUTS
from harness.robustness.robust_accuracy import judge_robust_accuracy
from harness.run.measurements import Measurements
from harness.suite import Verdict, check

SQUARE = "square"


@check(
    "robust accuracy",
    per="objective",
    attack=SQUARE,
    grounds=("data", "adversarial"),
    needs=("tensors",),
    measures=(ATTACKED_INPUTS,),
)
def test_square(ai_measure: Measurements, ai_planned: PlannedCheck, objective: Objective) -> Verdict:
    return judge_robust_accuracy(ai_measure(ATTACKED_INPUTS, SQUARE), objective, ai_planned)
