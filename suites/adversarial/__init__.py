"""Adversarial: does the service hold against inputs made to break it, and does it keep what it was told to itself?

Tested in tests/robustness/test_attack_driver.py and tests/suites/adversarial/test_adversarial_gate.py, where a file
has no test of its own.
"""

from __future__ import annotations

from harness.core.attack_settings import AttackSettings
from harness.core.measurement import Scope
from harness.core.metric import ROBUST_ACCURACY
from harness.core.objective import Objective
from harness.core.suite_policy import Section, SuitePolicy


def _count_samples(scope: Scope, objective: Objective) -> int:
    data, attack = scope.settings.data, scope.settings.attack
    return min(attack.inputs, len(data.dataset.inputs)) if attack and data and data.dataset else 0


POLICY = SuitePolicy(
    order=40,
    metrics=(ROBUST_ACCURACY,),
    samples=_count_samples,
    hint="more [adversarial] inputs",
    section=Section(AttackSettings, missing="no threat model is configured ([adversarial] eps)"),
    reads=("data",),
    not_assessed=(
        "jailbreaks, toxic and false statements: not assessed, because no detector without a judge tells them from a "
        "harmless answer"
    ),
)
