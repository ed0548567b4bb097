"""Pulses: how long may a disturbance be after which a service still comes back? Pure apart from the runs.

A metastable service is well under a load, and stays broken under the same load once a pulse has pushed it over: what
was to help it (retries, caches that must be filled again) is then what keeps it down (Bronson et al., HotOS 2021).

Tested in tests/core/test_pulse.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from harness.core.experiment import ExperimentPlan

MOST_PULSES = 4
"""The runs with a shorter pulse at most, after one that was not survived."""

_PRECISE = 0.2
"""The search ends when the longest pulse that was survived is so near to the shortest that was not (a share of it)."""


def shorten_pulse(plan: ExperimentPlan, share: float) -> ExperimentPlan:
    """The plan with all of its faults in this share of their time, from the first one on."""
    begin = plan.faults[0].at
    faults = [
        replace(fault, at=begin + share * (fault.at - begin), duration=share * fault.duration) for fault in plan.faults
    ]
    seconds = f"{share * plan.duration:.3g}"
    return replace(plan, name=f"{plan.name}, pulse of {seconds} s", faults=tuple(faults))


def bisect_pulse(survives: Callable[[float], bool | None], most: int = MOST_PULSES) -> tuple[float, float]:
    """The longest share of a pulse that was survived (0: none), and the shortest that was not; the whole was not.

    `survives` tries a share; None: it cannot be told, which ends the search.
    """
    survived, broken = 0.0, 1.0
    for _ in range(most):
        if broken - survived <= _PRECISE * broken:
            break
        share = (survived + broken) / 2
        outcome = survives(share)
        if outcome is None:
            break
        if outcome:
            survived = share
        else:
            broken = share
    return survived, broken
