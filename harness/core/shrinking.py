"""Make a failing experiment smaller: without each of its faults, then with weaker ones. Pure apart from the run.

Tested in tests/core/test_shrinking.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from harness.core.experiment import ExperimentPlan, TimedFault
from harness.core.fault import load_fault

MOST_RUNS = 20
"""The experiments that a search for the smallest failing one runs at most."""

_LEAST_TOXICITY = 0.05


@dataclass(frozen=True, slots=True)
class Smallest:
    """The smallest failing plan that was seen, after so many `runs`; `is_minimal`: no smaller one was left to try."""

    plan: ExperimentPlan
    runs: int
    is_minimal: bool


def shrink_plan(plan: ExperimentPlan, fails: Callable[[ExperimentPlan], bool], most: int = MOST_RUNS) -> Smallest:
    """Run smaller plans as long as they fail; `plan` itself has failed. No plan is run twice."""
    known = {_make_key(plan)}
    runs = 0
    while True:
        for candidate in list_smaller_plans(plan):
            key = _make_key(candidate)
            if key in known:
                continue
            if runs >= most:
                return Smallest(plan, runs, is_minimal=False)
            known.add(key)
            runs += 1
            if fails(candidate):
                plan = candidate
                break
        else:
            return Smallest(plan, runs, is_minimal=True)


def list_smaller_plans(plan: ExperimentPlan) -> Iterator[ExperimentPlan]:
    """The plan without each of its faults, then with each of them at half its toxicity, and at half its times."""
    faults = plan.faults
    if len(faults) > 1:
        for index in range(len(faults)):
            yield replace(plan, faults=(*faults[:index], *faults[index + 1 :]))
    for index, fault in enumerate(faults):
        for weaker in _list_weaker_faults(fault):
            yield replace(plan, faults=(*faults[:index], weaker, *faults[index + 1 :]))


def _list_weaker_faults(fault: TimedFault) -> Iterator[TimedFault]:
    """The fault without its ramp, at half its toxicity, and with half of its times (attributes in ms)."""
    kind = load_fault(fault.kind)
    if fault.ramp is not None:
        yield replace(fault, ramp=None)
    if kind.stage is not None and fault.toxicity / 2 >= _LEAST_TOXICITY:
        yield replace(fault, toxicity=fault.toxicity / 2)
    times = [parameter.name for parameter in kind.parameters if parameter.unit == "ms"]
    halved = {name: int(fault.attributes[name]) // 2 for name in times if fault.attributes.get(name)}
    weaker = {**fault.attributes, **halved}
    if halved and not kind.parse(weaker).is_idle:
        yield replace(fault, attributes=weaker)


def _make_key(plan: ExperimentPlan) -> str:
    return repr(plan.faults)


def format_plan(plan: ExperimentPlan) -> str:
    """The plan as `[[experiment]]` of a configuration file, by which it can be run again."""
    chaos = plan.chaos
    keys: dict[str, Any] = {"name": plan.name, "hypothesis": plan.hypothesis, "rate": chaos.rate}
    keys |= {"baseline": chaos.baseline, "recovery": chaos.recovery, "blast_radius": plan.blast_radius}
    keys["stop"] = [condition.text for condition in plan.stop]
    if plan.seed is not None:
        keys["seed"] = plan.seed
    if plan.metastability:
        keys["metastability"] = True
    lines = ["[[experiment]]", *_format_keys(keys)]
    for fault in plan.faults:
        own: dict[str, Any] = {"name": fault.name, "kind": fault.kind}
        if fault.platform:
            own["platform"] = fault.platform
        if fault.link:
            own |= {"link": fault.link, "stream": fault.stream}
        own |= {"toxicity": fault.toxicity, "at": fault.at, "duration": fault.duration}
        own["attributes"] = dict(fault.attributes)
        if fault.ramp is not None:
            ramp: dict[str, Any] = {"steps": fault.ramp.steps, "attributes": dict(fault.ramp.attributes)}
            if fault.ramp.toxicity is not None:
                ramp["toxicity"] = fault.ramp.toxicity
            own["ramp"] = ramp
        lines += ["", "[[experiment.fault]]", *_format_keys(own)]
    return "\n".join(lines) + "\n"


def _format_keys(values: dict[str, Any]) -> list[str]:
    return [f"{name} = {_format_value(value)}" for name, value in values.items()]


def _format_value(value: Any) -> str:
    """A value as TOML: JSON writes texts, numbers and lists alike, and tables need another sign."""
    if isinstance(value, dict):
        inner = ", ".join(_format_keys(value))
        return f"{{ {inner} }}"
    return json.dumps(value, ensure_ascii=True)
