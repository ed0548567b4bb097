"""Waivers: a known failure that may not block a release for now, with a reason, an owner and an end.

A waiver in force makes a blocker a warning in the plan, so that the plan's hash says so; its verdict stays what it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from harness.core.plan import Plan, PlannedCheck
from harness.core.verdict import Level, Status


@dataclass(frozen=True, slots=True)
class Waiver:
    """`check` is an id, with or without `ai-suite/`; without the part in brackets it names all cases of a test.

    `expires` is the last day on which it counts, in UTC.
    """

    check: str
    reason: str
    owner: str
    expires: date


def waive_checks(plan: Plan, waivers: Sequence[Waiver], today: date) -> Plan:
    """The plan with each blocker that a waiver in force names as a warning."""
    waived = tuple(_waive(check, waivers, today) for check in plan.checks)
    return plan if waived == plan.checks else replace(plan, checks=waived)


def _waive(check: PlannedCheck, waivers: Sequence[Waiver], today: date) -> PlannedCheck:
    for waiver in waivers:
        if check.level is Level.BLOCKER and today <= waiver.expires and names_check(waiver.check, check.id):
            return replace(check, level=Level.WARN)
    return check


def names_check(wanted: str, id_: str) -> bool:
    """Whether an id as users write it names this check: without `ai-suite/`, and without brackets for all cases."""
    wanted, id_ = wanted.removeprefix("ai-suite/"), id_.removeprefix("ai-suite/")
    return wanted in (id_, id_.partition("[")[0])


def describe_waivers(waivers: Sequence[Waiver], today: date) -> list[dict[str, Any]]:
    """What the head of a run says of each waiver; `in_force` is False for one that has expired."""
    described = []
    for waiver in waivers:
        fields = {"check": waiver.check, "reason": waiver.reason, "owner": waiver.owner}
        described.append({**fields, "expires": str(waiver.expires), "in_force": today <= waiver.expires})
    return described


def judge_waivers(described: Iterable[Mapping[str, Any]], verdicts: Mapping[str, Status]) -> tuple[dict[str, Any], ...]:
    """Each waiver with its `state`, in words, by the verdicts of the run's checks."""
    return tuple({**waiver, "state": _describe_state(waiver, verdicts)} for waiver in described)


def _describe_state(waiver: Mapping[str, Any], verdicts: Mapping[str, Status]) -> str:
    named = [status for id_, status in verdicts.items() if names_check(str(waiver.get("check", "")), id_)]
    if not waiver.get("in_force"):
        return f"ignored: it expired on {waiver.get('expires')}"
    if not named:
        return "without effect: it names no planned check"
    open_ones = [status for status in named if status not in (Status.PASS, Status.SKIPPED)]
    if not open_ones:
        return "without effect: nothing that it names is open; remove it"
    return f"waives {', '.join(dict.fromkeys(map(str, open_ones)))}"


def is_waived(waivers: Iterable[Mapping[str, Any]], id_: str) -> bool:
    """Whether one of the report's waivers that has not expired names this check."""
    return any(bool(waiver.get("in_force")) and names_check(str(waiver.get("check", "")), id_) for waiver in waivers)


def is_used(waiver: Mapping[str, Any]) -> bool:
    """Whether a waiver of a report lets something through."""
    return str(waiver.get("state", "waives")).startswith("waives")
