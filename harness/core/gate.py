"""The gate: from a plan and its verdicts to one decision and one exit status. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum

from harness.core.plan import Plan, PlannedCheck
from harness.core.verdict import Level, Status, Verdict, make_inconclusive, make_skipped


class Exit(IntEnum):
    """Exit statuses, promised to CI (DESIGN section 4)."""

    PASS = 0
    FAIL = 1
    INTERRUPTED = 2
    INTERNAL = 3
    USAGE = 4
    NOTHING = 5
    INCONCLUSIVE = 20
    ERROR = 21


@dataclass(frozen=True, slots=True)
class Policy:
    """The explicit loosenings a user may ask for; each is printed in the report.

    `inconclusive` is `pass` or `fail`: what an INCONCLUSIVE decision becomes for the exit status alone.
    """

    inconclusive: str | None = None
    allow_partial: bool = False
    accept_first: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """A planned check with the verdict it ended with; `missing` when nothing reported one."""

    check: PlannedCheck
    verdict: Verdict
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """The gate's one answer.

    `verdict` is PASS, FAIL, INCONCLUSIVE or ERROR; `reason` one sentence; `deciding` the ids that decided it;
    `partial` whether a planned check was left unrun; `loosened` what an explicit option let through.
    """

    verdict: Status
    exit_status: int
    reason: str
    partial: bool
    checks: tuple[Judged, ...]
    deciding: tuple[str, ...] = ()
    loosened: tuple[str, ...] = ()


def _judge(plan: Plan, verdicts: Mapping[str, Verdict]) -> tuple[Judged, ...]:
    """Give every planned check its verdict: its own, SKIPPED where declared, else INCONCLUSIVE (missing).

    A SKIPPED that the plan did not declare is INCONCLUSIVE: skipping is not a way to be green.
    """
    return tuple(_judge_one(check, verdicts.get(check.id)) for check in plan.checks)


def _judge_one(check: PlannedCheck, verdict: Verdict | None) -> Judged:
    if verdict is None:
        if check.not_applicable:
            return Judged(check, make_skipped(check.not_applicable))
        return Judged(check, make_inconclusive("missing: planned and left without a verdict"), missing=True)
    if verdict.status is Status.SKIPPED and not check.not_applicable:
        reason = f"skipped without being declared in the plan: {verdict.reason}"
        return Judged(check, make_inconclusive(reason), missing=True)
    if verdict.status is Status.PASS and (vacuous := _vacuous(check, verdict)):
        return Judged(check, replace(verdict, status=Status.INCONCLUSIVE, reason=f"a PASS without ground: {vacuous}"))
    return Judged(check, verdict)


def _vacuous(check: PlannedCheck, verdict: Verdict) -> str | None:
    """Why a PASS rests on nothing, or None. The last line of defence, whatever a check said."""
    if verdict.estimate is not None and not math.isfinite(verdict.estimate):
        return f"the estimate is {verdict.estimate}"
    if check.kind == "estimate" and verdict.estimate is None:
        return "it has no estimate (a NaN leaves none in a file)"
    if verdict.n == 0 or (verdict.n is None and check.kind != "user"):
        return "zero samples"
    if check.min_n is not None and verdict.n is not None and verdict.n < check.min_n:
        return f"{verdict.n} samples, where at least {check.min_n} are needed"
    return None


def decide(plan: Plan, verdicts: Mapping[str, Verdict], policy: Policy = Policy()) -> Decision:
    """The release decision (DESIGN 6.1 and 6.6)."""
    checks = _judge(plan, verdicts)
    blockers = [j for j in checks if j.check.level is Level.BLOCKER]
    partial = any(j.missing for j in checks)
    for status in (Status.FAIL, Status.ERROR, Status.INCONCLUSIVE):
        found = [j for j in blockers if j.verdict.status is status and not (j.missing and policy.allow_partial)]
        if found:
            return _decision(status, _say(found), partial, checks, tuple(j.check.id for j in found), policy)
    empty = [
        suite
        for suite in plan.suites
        if not any(j.verdict.status is Status.PASS for j in blockers if j.check.suite == suite)
    ]
    if not plan.suites or empty:
        what = f"no blocker was judged in: {', '.join(empty)}" if empty else "no suite was planned"
        return _decision(Status.INCONCLUSIVE, what, partial, checks, (), policy)
    if partial and not policy.allow_partial:
        missing = tuple(j.check.id for j in checks if j.missing)
        what = f"partial run: {len(missing)} of {len(checks)} planned checks were left unrun"
        return _decision(Status.INCONCLUSIVE, what, partial, checks, missing, policy)
    passed = sum(j.verdict.status is Status.PASS for j in blockers)
    return _decision(Status.PASS, f"all {passed} judged blockers hold", partial, checks, (), policy)


def _say(found: list[Judged]) -> str:
    first = found[0]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f"{first.check.title}: {first.verdict.reason}{more}"


def _decision(
    status: Status, reason: str, partial: bool, checks: tuple[Judged, ...], deciding: tuple[str, ...], policy: Policy
) -> Decision:
    exit_status = int(Exit[status.name])
    loosened = []
    if policy.allow_partial and partial:
        unrun = [j.check.id for j in checks if j.missing]
        loosened.append(f"--ai-allow-partial let {len(unrun)} unrun checks through: {', '.join(unrun)}")
    if status is Status.INCONCLUSIVE and policy.inconclusive:
        exit_status = int(Exit.PASS if policy.inconclusive == "pass" else Exit.FAIL)
        names = ", ".join(deciding) or reason
        loosened.append(
            f"--ai-inconclusive={policy.inconclusive} turned exit status 20 into {exit_status} for: {names}"
        )
    if policy.accept_first:
        loosened.append("--ai-accept-first: comparisons without a baseline are taken as first runs")
    return Decision(status, exit_status, reason, partial, checks, deciding, tuple(loosened))
