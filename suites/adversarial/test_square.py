"""Robust accuracy under the Square attack: small changes of the input, chosen by asking alone."""

from __future__ import annotations

from harness.attacks.square import ATTACK
from harness.core.objective import Objective
from harness.core.plan import PlannedCheck
from harness.robustness.attack_driver import judge_attack
from harness.suite import Session, Verdict, check


@check("robust accuracy", per="objective", grounds=("data", "attack"), needs=("tensors",))
def test_square(ai_client: Session, ai_planned: PlannedCheck, objective: Objective) -> Verdict:
    return judge_attack(ai_client, ATTACK, objective, ai_planned)
