"""Judge a run from its directory alone: plan, evidence and series in, the report out.

The same function ends a live run, re-reads a finished one and reads what a killed one left.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from harness.core.gate import Decision, Exit, Judged, Policy, decide
from harness.core.plan import Plan
from harness.core.report import CheckRow, FaultRow, Generator, PlanInfo, Report, RunInfo, Target
from harness.core.verdict import Evidence, Status, Verdict
from harness.io.rundir import EvidenceLine, SavedRun
from harness.run.series import distribution, merged

_WORST_FIRST = (Status.FAIL, Status.ERROR, Status.INCONCLUSIVE, Status.SKIPPED, Status.PASS)
KILLED = "the run ended before its decision was written"


def build_report(
    saved: SavedRun,
    *,
    policy: Policy,
    finished: str | None = None,
    interrupted: str | None = None,
    exit_status: int | None = None,
) -> Report:
    """The report of a saved run.

    `interrupted` says in words why the run did not end in order; it turns a PASS into INCONCLUSIVE, which then
    `--ai-inconclusive=pass` does not let through. `exit_status` overrides the gate's (2 interrupted, 3 internal error).
    """
    plan = saved.plan or Plan((), ())
    if interrupted and policy.inconclusive == "pass":
        policy = replace(policy, inconclusive=None)
    verdicts, seconds, notes = _last_word(saved.evidence)
    decision = decide(plan, verdicts, policy)
    if interrupted:
        decision = _not_in_order(decision, interrupted, policy)
    series, histograms = merged(saved.series)
    found = (distribution(*key, histogram, _limits(plan, *key)) for key, histogram in histograms.items())
    head = saved.head
    return Report(
        run=RunInfo(
            id=str(head.get("id", "unknown")),
            started=str(head.get("started", "")),
            finished=finished or _last_time(saved, head),
            exit_status=decision.exit_status if exit_status is None else exit_status,
            verdict=decision.verdict,
            reason=decision.reason,
            partial=decision.partial,
            responsible=head.get("responsible"),
            interrupted=interrupted,
            deciding=decision.deciding,
            loosened=decision.loosened,
        ),
        target=msgspec.convert(head.get("target", {"url": "unknown", "protocol": "unknown"}), Target),
        plan=PlanInfo(
            hash=plan.hash,
            planned=len(plan.checks),
            judged=sum(not judged.missing for judged in decision.checks),
            suites=plan.suites,
            not_judged=plan.not_judged,
            policy=plan.policy,
        ),
        checks=tuple(_row(judged, seconds.get(judged.check.id)) for judged in decision.checks),
        distributions=tuple(d for d in found if d is not None),
        series=series,
        faults=_faults(saved.faults),
        generator=msgspec.convert(saved.generator, Generator) if saved.generator else None,
        environment=dict(head.get("environment", {})),
        notes=(*head.get("notes", ()), *saved.notes, *notes),
    )


def fingerprint(url: str, protocol: str, model: str | None, version: str | None) -> str:
    """A digest that two runs share when they judged the same thing."""
    text = "\0".join((url, protocol, model or "", version or ""))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]  # a service may name a lone surrogate


def _last_word(evidence: Iterable[EvidenceLine]) -> tuple[dict[str, Verdict], dict[str, float], list[str]]:
    """Each check's verdict; one that reported several times keeps its worst (best of n is no verdict)."""
    verdicts: dict[str, Verdict] = {}
    seconds: dict[str, float] = {}
    notes: list[str] = []
    for line in evidence:
        seconds[line.check] = seconds.get(line.check, 0.0) + line.seconds
        known = verdicts.setdefault(line.check, line.verdict)
        if known is not line.verdict:
            notes.append(f"{line.check} reported more than once; its worst verdict counts")
            verdicts[line.check] = min(known, line.verdict, key=lambda verdict: _WORST_FIRST.index(verdict.status))
    return verdicts, seconds, sorted(set(notes))


def _not_in_order(decision: Decision, interrupted: str, policy: Policy) -> Decision:
    reason = f"{interrupted}; {decision.reason}"
    if decision.verdict is Status.PASS:
        exit_status = int(Exit.FAIL if policy.inconclusive == "fail" else Exit.INCONCLUSIVE)
        return replace(decision, verdict=Status.INCONCLUSIVE, exit_status=exit_status, reason=reason)
    return replace(decision, reason=reason) if decision.partial else decision


def _faults(lines: Iterable[Mapping[str, Any]]) -> tuple[FaultRow, ...]:
    """Each fault's last line: it is written down as it goes on, and again as it is lifted and recovered from."""
    last = {(line.get("name"), line.get("target"), line.get("applied_at")): line for line in lines}
    return tuple(msgspec.convert(line, FaultRow) for line in last.values())


def _limits(plan: Plan, suite: str, metric: str) -> tuple[float, ...]:
    suite = suite or "smoke"
    return tuple(
        sorted({c.limit for c in plan.checks if c.limit is not None and (c.suite, c.metric) == (suite, metric)})
    )


def _row(judged: Judged, seconds: float | None) -> CheckRow:
    check, verdict = judged.check, judged.verdict
    evidence = {field.name: getattr(verdict, field.name) for field in fields(Evidence)}
    evidence["clauses"] = (*check.clauses, *verdict.clauses)
    return CheckRow(
        id=check.id,
        suite=check.suite,
        level=check.level,
        title=check.title,
        kind=check.kind,
        verdict=verdict.status,
        reason=verdict.reason,
        missing=judged.missing,
        objective=check.objective,
        seconds=None if seconds is None else round(seconds, 4),
        **evidence,
    )


def _last_time(saved: SavedRun, head: Mapping[str, Any]) -> str:
    """The time of the last thing seen, for a run that never wrote its end."""
    epoch = head.get("started_epoch")
    if epoch is None:
        return str(head.get("started", ""))
    last = max((line.t for line in saved.evidence), default=0.0)
    return datetime.fromtimestamp(epoch + last, UTC).isoformat(timespec="milliseconds")
