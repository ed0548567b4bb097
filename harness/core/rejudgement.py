"""Which verdicts of a saved run hold under other limits, and which changed. Pure.

Tested in tests/commands/test_rejudge.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import filterfalse
from typing import Any

from harness.core.plan import Plan, PlannedCheck
from harness.core.report import CheckRow, Report
from harness.core.verdict import Status, Verdict

_JUDGING = ("profile", "sampling", "confidence", "ceilings", "promises")
"""Parts of a plan's policy by which a verdict is reached, and not what was sent."""


def find_other_policy(old: Plan, new: Plan) -> str:
    """What a changed configuration would send otherwise; empty where it only judges otherwise."""
    different = list_differences(dict(old.policy), dict(new.policy))
    return next(filterfalse(_JUDGING.__contains__, different), "")


def list_differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """The names whose values differ, or that stand on one side alone."""
    return [name for name in {**old, **new} if name not in old or name not in new or old[name] != new[name]]


def is_same_rule(old: PlannedCheck | None, new: PlannedCheck) -> bool:
    """Whether a check is judged as before; its level, its words and its cost are no part of that."""
    if old is None:
        return False
    same = replace(new, level=old.level, title=old.title, clauses=old.clauses)
    return replace(same, requests=old.requests, tokens=old.tokens) == old


def follow_verdict(old: PlannedCheck | None, new: PlannedCheck, verdict: Verdict) -> Verdict | None:
    """The verdict that an earlier one implies, or None.

    What held a stricter limit holds a looser one, and what broke a looser limit breaks a stricter one, at error rates
    that are no smaller than before.
    """
    if old is None or old.kind != "estimate" or (old.kind, old.metric) != (new.kind, new.metric):
        return None
    limits = _compare(old.limit, new.limit) * (-1 if verdict.direction == ">=" else 1)
    steps = (limits, _compare(old.budget, new.budget), _compare(old.loosened, new.loosened))  # over 0: looser
    is_looser, is_stricter = min(steps) >= 0, max(steps) <= 0
    if verdict.status is Status.PASS and is_looser and _compare(old.alpha, new.alpha) >= 0:
        how = "held a stricter rule"
    elif verdict.status is Status.FAIL and is_stricter and _compare(old.alpha_fail, new.alpha_fail) >= 0:
        how = "broke a looser rule"
    else:
        return None
    reason = f"it {how} ({old.objective or old.title}): {verdict.reason}"
    return replace(verdict, reason=reason).with_notes("the figures are those of the rule of that run")


def _compare(before: float | None, after: float | None) -> int:
    first, second = before or 0.0, after or 0.0
    return (second > first) - (second < first)


@dataclass(frozen=True, slots=True)
class ChangedVerdict:
    """A check whose verdict or objective differs between a run and its second judgement; None: not planned there."""

    id: str
    title: str
    old: Status | None
    new: Status | None
    old_objective: str
    new_objective: str
    reason: str

    @property
    def is_loosened(self) -> bool:
        """Whether it passes now and did not before."""
        return self.new is Status.PASS and self.old is not Status.PASS

    def describe(self) -> str:
        """The change in words."""
        rule = self.new_objective or self.old_objective
        if self.old_objective and self.new_objective and self.old_objective != self.new_objective:
            rule = f"{self.new_objective} (was {self.old_objective})"
        return f"{self.old or 'not planned'} → {self.new or 'not planned'}  {rule or self.title}: {self.reason}"


def list_changed_verdicts(old: Report, new: Report) -> Iterator[ChangedVerdict]:
    """What became of each check that is not judged as before, in the order of the new plan."""
    before, after = _index_rows(old), _index_rows(new)
    for id_ in dict.fromkeys((*after, *before)):
        first, second = before.get(id_), after.get(id_)
        row = second or before[id_]
        old_status, new_status = getattr(first, "verdict", None), getattr(second, "verdict", None)
        old_rule, new_rule = getattr(first, "objective", None) or "", getattr(second, "objective", None) or ""
        if first is not None and second is not None and first.level is not second.level:
            old_rule, new_rule = (
                f"{old_rule or row.title} as {first.level}",
                f"{new_rule or row.title} as {second.level}",
            )
        if old_status is not new_status or old_rule != new_rule:
            reason = row.reason
            if second is None:
                reason = "the configuration does not judge it any more"
            yield ChangedVerdict(id_, row.title, old_status, new_status, old_rule, new_rule, reason)


def _index_rows(report: Report) -> dict[str, CheckRow]:
    return {row.id: row for row in report.checks}
