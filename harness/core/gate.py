"""The gate: from a plan and its verdicts to one decision and one exit status. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum

from harness.core.plan import Plan, PlannedCheck
from harness.core.verdict import Level, Status, Verdict, make_inconclusive, make_skipped

NOT_RUN = "it was planned and did not run"
"""The reason of a check that nothing reported."""


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
class JudgedCheck:
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
    checks: tuple[JudgedCheck, ...]
    deciding: tuple[str, ...] = ()
    loosened: tuple[str, ...] = ()


def _judge_checks(plan: Plan, verdicts: Mapping[str, Verdict]) -> tuple[JudgedCheck, ...]:
    """Give every planned check its verdict: its own, SKIPPED where declared, else INCONCLUSIVE (missing).

    A SKIPPED that the plan did not declare is INCONCLUSIVE: skipping is not a way to PASS.
    """
    return tuple(_judge_check(check, verdicts.get(check.id)) for check in plan.checks)


def _judge_check(check: PlannedCheck, verdict: Verdict | None) -> JudgedCheck:
    if verdict is None:
        if check.not_applicable:
            return JudgedCheck(check, make_skipped(check.not_applicable))
        return JudgedCheck(check, make_inconclusive(NOT_RUN), missing=True)
    if verdict.status is Status.SKIPPED and not check.not_applicable:
        reason = f"skipped without being declared in the plan: {verdict.reason}"
        return JudgedCheck(check, make_inconclusive(reason), missing=True)
    if verdict.status is Status.PASS and (problem := _explain_empty_pass(check, verdict)):
        verdict = replace(verdict, status=Status.INCONCLUSIVE, reason=f"a PASS without evidence: {problem}")
    return JudgedCheck(check, verdict)


def _explain_empty_pass(check: PlannedCheck, verdict: Verdict) -> str | None:
    """Why the evidence of a PASS does not support it, or None; it catches a check that is itself wrong."""
    if verdict.estimate is not None and not math.isfinite(verdict.estimate):
        return f"the estimate is {verdict.estimate}"
    if check.kind == "estimate" and verdict.estimate is None:
        return "it has no estimate (a NaN leaves none in a file)"
    if (verdict.n is None and check.kind != "user") or (verdict.n is not None and verdict.n <= 0):
        return "zero samples"
    if check.min_n is not None and verdict.n is not None and verdict.n < check.min_n:
        return f"{verdict.n} samples, where at least {check.min_n} are needed"
    return None


def decide(plan: Plan, verdicts: Mapping[str, Verdict], policy: Policy = Policy()) -> Decision:
    """The release decision (DESIGN 6.1 and 6.6)."""
    checks = _judge_checks(plan, verdicts)
    blockers = [judged for judged in checks if judged.check.level is Level.BLOCKER]
    counted = [judged for judged in blockers if not (judged.missing and policy.allow_partial)]
    for status in (Status.FAIL, Status.ERROR, Status.INCONCLUSIVE):
        if deciding := [judged for judged in counted if judged.verdict.status is status]:
            return _make_decision(status, _summarise(deciding), checks, deciding, policy)
    passed = [judged for judged in blockers if judged.verdict.status is Status.PASS]
    empty = [suite for suite in plan.suites if suite not in {judged.check.suite for judged in passed}]
    if not plan.suites or empty:
        reason = f"no blocker was judged in: {', '.join(empty)}" if empty else "no suite was planned"
        return _make_decision(Status.INCONCLUSIVE, reason, checks, [], policy)
    missing = [judged for judged in checks if judged.missing]
    if missing and not policy.allow_partial:
        reason = f"partial run: {len(missing)} of {len(checks)} planned checks were left unrun"
        return _make_decision(Status.INCONCLUSIVE, reason, checks, missing, policy)
    return _make_decision(Status.PASS, f"all {len(passed)} judged blockers hold", checks, [], policy)


def _summarise(deciding: list[JudgedCheck]) -> str:
    first = deciding[0]
    more = f" (and {len(deciding) - 1} more)" if len(deciding) > 1 else ""
    if first.verdict.status in (Status.FAIL, Status.ERROR):  # what happened, and not the claim that it refutes
        return f"{first.check.suite}: {first.verdict.reason}{more}"
    return f"{first.check.suite}: {describe_undecided(first.check.title, first.verdict.reason)}{more}"


def describe_undecided(title: str, reason: str) -> str:
    """What was not decided, and why. A title is a claim: without these words it would read as what happened."""
    if reason == NOT_RUN:
        return f'the check "{title}" did not run'
    return f'the check "{title}" is not decided: {reason}'


def _make_decision(
    status: Status, reason: str, checks: tuple[JudgedCheck, ...], deciding: list[JudgedCheck], policy: Policy
) -> Decision:
    exit_status = int(Exit[status.name])
    missing = [judged.check.id for judged in checks if judged.missing]
    ids = tuple(judged.check.id for judged in deciding)
    loosened = []
    if policy.allow_partial and missing:
        loosened.append(f"--ai-allow-partial let {len(missing)} unrun checks through: {', '.join(missing)}")
    if status is Status.INCONCLUSIVE and policy.inconclusive:
        exit_status = int(Exit.PASS if policy.inconclusive == "pass" else Exit.FAIL)
        option = f"--ai-inconclusive={policy.inconclusive}"
        loosened.append(f"{option} turned exit status 20 into {exit_status} for: {', '.join(ids) or reason}")
    if policy.accept_first:
        loosened.append("--ai-accept-first: comparisons without a baseline are taken as first runs")
    return Decision(status, exit_status, reason, bool(missing), checks, ids, tuple(loosened))
