"""The timeline of an experiment: its faults as a list of actions. Pure; times are seconds after the baseline.

Tested in tests/core/test_timeline.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from harness.core.experiment import ExperimentPlan, TimedFault

_ORDER = {"lift": 0, "change": 1, "apply": 2}
"""What is done first of several things that are due at once: what ends makes room for what begins."""


@dataclass(frozen=True, slots=True)
class Action:
    """What is done at `at`: apply a fault, change it to the values of `fault`, or lift it.

    `index` is its place among the faults of the plan.
    """

    at: float
    verb: Literal["apply", "change", "lift"]
    index: int
    fault: TimedFault


def compute_timeline(plan: ExperimentPlan) -> list[Action]:
    """Every action of the plan, in the order in which it is due."""
    actions = []
    for index, fault in enumerate(plan.faults):
        stages = list_stages(fault)
        for number, stage in enumerate(stages):
            at = fault.at + number * fault.duration / len(stages)
            actions.append(Action(at, "change" if number else "apply", index, stage))
        actions.append(Action(fault.end, "lift", index, stages[-1]))
    return sorted(actions, key=lambda action: (action.at, _ORDER[action.verb]))


def list_stages(fault: TimedFault) -> list[TimedFault]:
    """The fault with the values of each step of its ramp; the fault itself where it has none."""
    ramp = fault.ramp
    if ramp is None:
        return [fault]
    stages = []
    for step in range(ramp.steps):
        share = step / (ramp.steps - 1) if ramp.steps > 1 else 1.0
        attributes = dict(fault.attributes)
        for name, last in ramp.attributes.items():
            first = attributes.get(name, 0)
            assert not isinstance(first, str)
            attributes[name] = round(first + share * (last - first))
        toxicity = fault.toxicity
        if ramp.toxicity is not None:
            toxicity += share * (ramp.toxicity - toxicity)
        stages.append(replace(fault, attributes=attributes, toxicity=toxicity, ramp=None))
    return stages
