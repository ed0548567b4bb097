"""The kinds of experiments that have a check of their own: what each of their plans has.

Tested in tests/core/test_experiment_kinds.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.core.disturbance import overloads, spares_others
from harness.core.experiment import ExperimentPlan
from harness.core.platform_action import is_in_order

EXPERIMENT_KINDS: Mapping[str, Callable[[ExperimentPlan], bool]] = {
    "clients": lambda plan: spares_others(plan.faults),
    "restarts": lambda plan: is_in_order(plan.faults),
    "pulses": lambda plan: plan.metastability,
    "overloads": lambda plan: overloads(plan.faults),
    "waits": lambda plan: any(fault.attributes.get("retry_after") for fault in plan.faults),
    "aborts": lambda plan: any(fault.kind == "abort_storm" for fault in plan.faults),
}
"""Each kind with whether a plan is of it. Its name is a ground, and `experiment_of_NAME` the `per` of its checks."""
