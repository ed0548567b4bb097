"""Judge a run from its directory alone: plan, evidence and series in, the report out.

The same function ends a live run, re-reads a finished one and reads what a killed one left.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from harness.core.adapter import Facts
from harness.core.endpoint import Endpoint
from harness.core.errors import UsageError
from harness.core.evidence_map import EvidenceMap
from harness.core.gate import Decision, Exit, JudgedCheck, Policy, decide
from harness.core.metric import GOODPUT
from harness.core.plan import Plan
from harness.core.report import (
    CheckRow,
    Distribution,
    FaultRow,
    Generator,
    Load,
    PlanInfo,
    Report,
    RunInfo,
    Second,
    Target,
)
from harness.core.suite_policy import SuitePolicy, find_policy
from harness.core.sweep import SweepResult
from harness.core.verdict import Evidence, Status, Verdict, choose_worst
from harness.core.waiver import judge_waivers
from harness.io.rundir import EvidenceLine, SavedRun
from harness.run.load_pictures import list_pictures
from harness.run.series import make_distribution, merge_lines

KILLED = "the run ended before its decision was written"
_UNENDED = (
    "the run has not ended: if nothing runs any more, its process was killed or ended itself, and "
    "`aiharness report` with its folder judges what was written"
)


def build_report(
    saved: SavedRun,
    *,
    policy: Policy,
    finished: str | None = None,
    interrupted: str | None = None,
    exit_status: int | None = None,
    broken: str = "",
) -> Report:
    """The report of a saved run.

    `interrupted` says in words why the run did not end in order; a plan that was changed says so itself. Both turn a
    PASS into INCONCLUSIVE, which then `--ai-inconclusive=pass` does not let through. `exit_status` overrides the gate's
    (2 interrupted, 3 internal error). `broken` says why the record of the run is incomplete: the decision is then FAIL
    or ERROR.
    """
    plan = saved.plan or Plan((), ())
    interrupted = broken or interrupted or saved.changed or None
    if interrupted and policy.inconclusive == "pass":
        policy = replace(policy, inconclusive=None)
    verdicts, seconds, notes = _choose_verdicts(saved.evidence)
    decision = decide(plan, verdicts, policy)
    if interrupted:
        decision = _mark_interrupted(decision, interrupted, policy)
    if broken and decision.verdict is Status.INCONCLUSIVE:
        decision = replace(decision, verdict=Status.ERROR, exit_status=int(Exit.ERROR))
    series, distributions = _draw_series(saved, plan)
    head = saved.head
    return Report(
        run=RunInfo(
            id=str(head.get("id", "unknown")),
            started=str(head.get("started", "")),
            finished=finished or _find_last_time(saved, head),
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
        plan=_describe_plan(plan, decision),
        checks=tuple(_make_row(judged, seconds.get(judged.check.id)) for judged in decision.checks),
        distributions=distributions,
        series=series,
        faults=_read_fault_rows(saved.faults),
        generator=_read_generator(saved.loads),
        loads=tuple(_read_loads(saved.loads)),
        pictures=list_pictures(saved.series),
        sweep=_read_sweep(saved.loads),
        proof=saved.proof,
        waivers=judge_waivers(head.get("waivers", ()), _list_statuses(decision)),
        environment=dict(head.get("environment", {})),
        notes=(*head.get("notes", ()), *saved.notes, *notes),
        evidence_map=msgspec.convert(head.get("evidence_map"), EvidenceMap | None),
    )


def _list_statuses(decision: Decision) -> dict[str, Status]:
    return {judged.check.id: judged.verdict.status for judged in decision.checks}


def _describe_plan(plan: Plan, decision: Decision) -> PlanInfo:
    return PlanInfo(
        hash=plan.hash,
        planned=len(plan.checks),
        judged=sum(judged.verdict.status in (Status.PASS, Status.FAIL) for judged in decision.checks),
        suites=plan.suites,
        not_judged=plan.not_judged,
        policy=plan.policy,
    )


def build_unended_report(plan: Plan, head: Mapping[str, Any]) -> Report:
    """What `gate.json` says until the run has ended: ERROR, not final."""
    return mark_as_error(build_report(SavedRun(plan, head), policy=Policy()), _UNENDED, final=False)


def mark_as_error(report: Report, reason: str, *, final: bool) -> Report:
    """The report with ERROR in place of its decision, for this reason."""
    run = replace(report.run, verdict=Status.ERROR, exit_status=int(Exit.ERROR), reason=reason, interrupted=reason)
    return replace(report, run=replace(run, deciding=(), loosened=(), final=final))


def describe_target(endpoint: Endpoint, facts: Facts) -> Target:
    """What is judged: the endpoint as it is configured, and what it states of itself."""
    model = endpoint.model or (facts.models[0] if facts.models else None)
    version = endpoint.version or facts.version
    fingerprint = compute_fingerprint(endpoint.url, endpoint.protocol, model, version)
    return Target(endpoint.url, endpoint.protocol, model, version, fingerprint)


def compute_fingerprint(url: str, protocol: str, model: str | None, version: str | None) -> str:
    """A digest that two runs share when they judged the same thing."""
    text = "\0".join((url, protocol, model or "", version or ""))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]  # a service may name a lone surrogate


def _choose_verdicts(evidence: Iterable[EvidenceLine]) -> tuple[dict[str, Verdict], dict[str, float], list[str]]:
    """Each check's verdict and seconds, and notes; a check that reported several times keeps its worst verdict."""
    verdicts: dict[str, Verdict] = {}
    seconds: dict[str, float] = {}
    notes: dict[str, None] = {}
    for line in evidence:
        seconds[line.check] = seconds.get(line.check, 0.0) + line.seconds
        known = verdicts.setdefault(line.check, line.verdict)
        if known is not line.verdict:
            notes[f"{line.check} reported more than once; its worst verdict counts"] = None
            verdicts[line.check] = choose_worst([known, line.verdict])
    return verdicts, seconds, sorted(notes)


def _mark_interrupted(decision: Decision, interrupted: str, policy: Policy) -> Decision:
    reason = f"{interrupted}; {decision.reason}"
    if decision.verdict is Status.PASS:
        exit_status = int(Exit.FAIL if policy.inconclusive == "fail" else Exit.INCONCLUSIVE)
        return replace(decision, verdict=Status.INCONCLUSIVE, exit_status=exit_status, reason=reason)
    return replace(decision, reason=reason) if decision.partial else decision


def _draw_series(saved: SavedRun, plan: Plan) -> tuple[tuple[Second, ...], tuple[Distribution, ...]]:
    """The seconds of the run, and the histograms with the limits of the objectives that they show."""
    policies = {suite: _find_policy(suite) for suite in (*plan.suites, *_list_suites(saved.series))}
    seconds, histograms = merge_lines(saved.series, [suite for suite in policies if policies[suite].disturbs])
    single = [suite for suite in plan.suites if not policies[suite].dependent]
    distributions = []
    for (suite, metric), histogram in histograms.items():
        limits = _collect_limits(plan, [suite] if suite else single, metric)
        if distribution := make_distribution(suite, metric, histogram, limits):
            distributions.append(distribution)
    return seconds, tuple(distributions)


def _find_policy(suite: str) -> SuitePolicy:
    """The suite's policy; the defaults where its package is not installed any more."""
    with suppress(UsageError):
        return find_policy(suite)
    return SuitePolicy()


def _list_suites(lines: Iterable[Mapping[str, Any]]) -> set[str]:
    return {line["suite"] for line in lines if line.get("suite")}


def _read_loads(loads: Iterable[Mapping[str, Any]]) -> Iterator[Load]:
    """Each load, and beside it that of the baseline which took turns with it."""
    for load in loads:
        if "scenario" in load:
            yield _read_load(load)
        if baseline := load.get("baseline"):
            yield _read_load({**baseline, "scenario": f"baseline {load['baseline_url']}"})


def _read_generator(loads: Iterable[Mapping[str, Any]]) -> Generator | None:
    """How the load generator of the last load kept up."""
    generators = [load["generator"] for load in loads if load.get("generator")]
    return msgspec.convert(generators[-1], Generator) if generators else None


def _read_load(load: Mapping[str, Any]) -> Load:
    """A load with the share of good requests in each of its time blocks."""
    counts = load.get("blocks", {}).get(GOODPUT.name)
    shares: tuple[float | None, ...] = ()
    if counts and any(counts["n"]):
        bad = next(iter(counts["over"].values()))
        shares = tuple(1 - k / n if n else None for n, k in zip(counts["n"], bad, strict=True))
    return replace(msgspec.convert(load, Load), good_shares=shares)


def _read_sweep(loads: Iterable[Mapping[str, Any]]) -> SweepResult | None:
    """The search for a capacity, if the run has made one."""
    sweeps = [load for load in loads if "probes" in load]
    return msgspec.convert(sweeps[-1], SweepResult) if sweeps else None


def _read_fault_rows(lines: Iterable[Mapping[str, Any]]) -> tuple[FaultRow, ...]:
    """Each fault's last line: there is one when it is applied, when it is lifted, and when it is judged."""
    last = {(line.get("name"), line.get("target"), line.get("applied_at")): line for line in lines}
    return tuple(msgspec.convert(line, FaultRow) for line in last.values())


def _collect_limits(plan: Plan, suites: Collection[str], metric: str) -> tuple[float, ...]:
    limits = {check.limit for check in plan.checks if check.suite in suites and check.metric == metric}
    return tuple(sorted(limit for limit in limits if limit is not None))


def _make_row(judged: JudgedCheck, seconds: float | None) -> CheckRow:
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


def _find_last_time(saved: SavedRun, head: Mapping[str, Any]) -> str:
    """The time of the last verdict, for a run that did not write its end."""
    epoch = head.get("started_epoch")
    if epoch is None:
        return str(head.get("started", ""))
    last = max((line.t for line in saved.evidence), default=0.0)
    return datetime.fromtimestamp(epoch + last, UTC).isoformat(timespec="milliseconds")
