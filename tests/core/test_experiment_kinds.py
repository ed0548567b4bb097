"""Which experiments have which checks of their own."""

from __future__ import annotations

import pytest

from harness.core.experiment import ExperimentPlan, Fault
from harness.core.experiment_kinds import EXPERIMENT_KINDS


@pytest.mark.parametrize(
    ("fault", "kinds"),
    [
        (Fault("a", "latency"), set()),
        (Fault("a", "answer_status", {"status": 429}), set()),
        (Fault("a", "answer_status", {"status": 429, "retry_after": 2}), {"waits"}),
        (Fault("", "slowloris"), {"clients"}),
        (Fault("", "overload"), {"overloads"}),
        (Fault("", "retry_storm"), {"overloads"}),
        (Fault("", "noisy_neighbour"), set()),
        (Fault("", "abort_storm"), {"clients", "aborts"}),
        (Fault("", "stop", platform="a"), {"restarts"}),
        (Fault("", "kill", platform="a"), set()),
    ],
)
def test_a_plan_is_of_the_kinds_of_all_its_faults(fault: Fault, kinds: set[str]) -> None:
    plan = ExperimentPlan.of_fault(fault)
    assert {kind for kind, is_of_kind in EXPERIMENT_KINDS.items() if is_of_kind(plan)} == kinds
