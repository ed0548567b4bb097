"""Make the plan: catalogue and configuration in, every check that must end with a verdict out. Sends nothing."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace

from harness.core.adapter import Capabilities
from harness.core.errors import UsageError
from harness.core.experiment import Fault
from harness.core.objective import METRICS, Objective
from harness.core.plan import Plan, PlannedCheck, slug, statistical_blockers
from harness.core.settings import GROUNDS, Settings
from harness.core.verdict import CheckSpec, Level
from harness.stats.dependence import TIME_BLOCKS
from harness.stats.planning import can_pass, compute_min_n_to_pass
from harness.stats.sequential import RateTest

STRICT = "strict"
"""The profile in which what is only a warning elsewhere (a server's house style) fails the gate."""

ATTACK_BATCH = 128
"""Rows in one request of an attack."""


def build_plan(
    settings: Settings,
    declared: Iterable[tuple[str, str, CheckSpec]],
    capabilities: Mapping[str, Capabilities] = {},
) -> Plan:
    """The plan of a run over the declared checks, given as (id without parameter, suite, spec).

    `capabilities` are the endpoint's, by suite; where they are not known (`--ai-dry-run`), nothing is ruled out.
    Raises `UsageError` for an objective that could not PASS however well the service did.
    """
    grounds = settings.grounds()
    checks: list[PlannedCheck] = []
    not_judged: list[str] = []
    for id_, suite, spec in declared:
        lacking = [GROUNDS[name] for name in spec.grounds if name not in grounds]
        if lacking:
            not_judged.append(f"{spec.title}: {'; '.join(lacking)}")
            continue
        offered, protocol = capabilities.get(suite), settings.endpoint_of(suite).protocol
        missing = offered.find_missing(spec.needs) if offered else None
        reason = f"{protocol} at this endpoint offers no {missing.replace('_', ' ')}" if missing else None
        objectives = [o for o in settings.objectives if o.suite == suite]
        if "objective" in spec.per:
            _refuse_ttft(protocol, objectives, offered)
            if settings.baseline and suite != "smoke":
                not_judged += [f"{suite}: {o.text} is not compared with the baseline: smoke's are" for o in objectives]
            if not objectives:
                not_judged.append(f"{suite}: no [[objective]] is configured for {' or '.join(METRICS[suite])}")
        if spec.per == "objective":
            checks += [_estimate(id_, suite, spec, o, reason, planned_n(settings, o, None)) for o in objectives]
            if settings.baseline and suite == "smoke":
                checks += [_comparison(suite, objective, reason) for objective in objectives]
        elif spec.per == "fault_objective":
            for fault in settings.faults:
                for o in objectives:
                    n = planned_n(settings, o, fault)
                    checks.append(_estimate(id_, suite, spec, o, reason, n, fault))
        elif spec.per == "fault":
            checks += [_contract(id_, suite, spec, slug(fault.name), reason) for fault in settings.faults]
        else:
            checks += [_contract(id_, suite, spec, case, reason) for case in spec.cases or (None,)]
    if settings.profile.name == STRICT:
        checks = [_raised(each) for each in checks]
    if settings.baseline and not any(check.kind == "comparison" for check in checks):
        raise UsageError(f"--ai-baseline={settings.baseline} compares nothing: give suite smoke an objective")
    costed = _cost_runs(settings, _share_alpha(checks))
    return Plan(settings.suites, tuple(costed), tuple(not_judged), policy(settings))


def user_check(id_: str, suite: str, title: str, level: str) -> PlannedCheck:
    """A planned check for a collected test of the user's own, marked `ai_suite`."""
    return PlannedCheck(id_, suite, Level(level), title, kind="user")


def policy(settings: Settings) -> tuple[tuple[str, str], ...]:
    """What else binds the verdicts and so belongs in the plan's hash."""
    endpoint = settings.endpoint
    deadlines = ", ".join(f"{name} {seconds:g} s" for name, seconds in asdict(endpoint.deadlines).items())
    ceilings = {name: value for name, value in asdict(settings.ceilings).items() if value is not None}
    return (
        ("profile", settings.profile.name),
        ("confidence", f"{1 - settings.profile.alpha:g} a side"),
        ("seed", str(settings.seed)),
        ("deadlines", deadlines),
        ("ceilings", json.dumps(ceilings) if ceilings else "none"),
        ("promises", json.dumps(asdict(settings.promises))),
        *_of_suites(settings),
        ("sample", hashlib.sha256(json.dumps(endpoint.sample, default=str).encode()).hexdigest()[:16]),
    )


def _of_suites(settings: Settings) -> list[tuple[str, str]]:
    """Data, load, faults and threat model, as far as they are configured."""
    found: list[tuple[str, str]] = []
    if data := settings.data:
        found += [("data", data.dataset.digest)] if data.dataset else []
        found += [("golden", f"{data.golden.digest}, tolerance {data.tolerance:g}")] if data.golden else []
    for name, value in (("load", settings.load), ("adversarial", settings.attack)):
        found += [(name, json.dumps(asdict(value)))] if value else []
    if settings.faults:
        found.append(("faults", json.dumps([asdict(fault) for fault in settings.faults])))
        found.append(("chaos", json.dumps(asdict(settings.chaos))))
    return found


def rate_test(objective: Objective, alpha_fail: float) -> RateTest:
    """The sequential test that decides an objective (DESIGN 6.4)."""
    budget, loosened, cap = objective.budget, objective.loosened, objective.cap
    return RateTest(budget=budget, loosened=loosened, cap=cap, alpha_pass=objective.alpha, alpha_fail=alpha_fail)


def _raised(check: PlannedCheck) -> PlannedCheck:
    """A packaged warning as a blocker; an objective keeps the level that the user gave it."""
    return replace(check, level=Level.BLOCKER) if check.level is Level.WARN and not check.objective else check


def _contract(id_: str, suite: str, spec: CheckSpec, case: str | None, not_applicable: str | None) -> PlannedCheck:
    return PlannedCheck(
        id=f"{id_}[{case}]" if case else id_,
        suite=suite,
        level=spec.level,
        title=f"{spec.title}: {case}" if case else spec.title,
        requests=spec.requests,
        tokens=spec.tokens,
        not_applicable=not_applicable,
        clauses=spec.clauses,
    )


def planned_n(settings: Settings, objective: Objective, fault: Fault | None) -> int | None:
    """The fixed number of samples that an objective will be judged on; None: it is sampled until its test ends."""
    if objective.suite == "load":
        return settings.load.judged if settings.load else 0
    if objective.suite == "chaos":
        return int(settings.chaos.rate * fault.duration) if fault else 0
    data = settings.data.dataset if settings.data else None
    if objective.suite == "adversarial":
        return min(settings.attack.inputs if settings.attack else 0, len(data.inputs) if data else 0)
    if objective.suite == "validation":
        groups = (data.groups or ()) if data else ()
        rows = groups.count(objective.slice) if objective.slice is not None else len(data.inputs) if data else 0
        return min(objective.cap, rows)
    return None


def _refuse_ttft(protocol: str, objectives: Sequence[Objective], capabilities: Capabilities | None) -> None:
    for objective in objectives:
        if objective.metric in ("ttft", "inter_token") and capabilities and not capabilities.streaming:
            raise UsageError(
                f"objective {objective.text!r} cannot be judged: {protocol} has no streamed answers here, "
                "so there is no first token; use latency"
            )


def _estimate(
    id_: str,
    suite: str,
    spec: CheckSpec,
    objective: Objective,
    not_applicable: str | None,
    fixed: int | None,
    fault: Fault | None = None,
) -> PlannedCheck:
    """An objective's check; `fixed` is its number of samples, or None where a sequential test ends it."""
    case, under = (objective.slug, "") if fault is None else (f"{slug(fault.name)}-{objective.slug}", fault.name)
    check = PlannedCheck(
        id=f"{id_}[{case}]",
        suite=suite,
        level=objective.level,
        title=(objective.name or objective.text) + (f" under {under}" if under else ""),
        requests=spec.requests,
        objective=objective.text,
        metric=objective.metric,
        limit=objective.limit,
        not_applicable=not_applicable,
        clauses=spec.clauses,
    )
    if objective.metric == "recovery":
        return check  # one episode: held or not
    n = objective.cap if fixed is None else fixed
    _refuse_undecidable(objective, n, sequential=fixed is None)
    return replace(
        check,
        kind="estimate",
        requests=n,
        tokens=spec.tokens * n,
        budget=objective.budget,
        loosened=objective.loosened,
        alpha=objective.alpha,
        cap=n,
        min_n=compute_min_n_to_pass(objective.loosened, objective.alpha),
    )


def _refuse_undecidable(objective: Objective, n: int, *, sequential: bool) -> None:
    """Raise `UsageError` for an objective that not even a flawless run of n samples would decide."""
    need = compute_min_n_to_pass(objective.loosened, objective.alpha / (2 if sequential else 1))
    if objective.suite in ("load", "chaos"):
        need = max(need, 2 * TIME_BLOCKS)  # one request a block would hide how they clump
    if can_pass(rate_test(objective, objective.alpha)) if sequential else n >= need:
        return
    more = {
        "load": "a longer [load] duration or a higher rate",
        "chaos": "a longer fault or a higher [chaos] rate",
        "validation": "more rows of data",
        "adversarial": "more [adversarial] inputs",
    }.get(objective.suite, "a profile with a larger cap")
    raise UsageError(
        f"objective {objective.text!r} of suite {objective.suite} cannot PASS: not even a flawless run of its {n} "
        f"samples decides it, at least {need} are needed. Give a larger margin, another limit, or {more}"
    )


def comparison_id(suite: str, objective: Objective) -> str:
    """The id of the comparison of this objective with the baseline."""
    return f"ai-baseline/{suite}/{objective.slug}"


def _comparison(suite: str, objective: Objective, not_applicable: str | None) -> PlannedCheck:
    return PlannedCheck(
        id=comparison_id(suite, objective),
        suite=suite,
        level=objective.level,
        title=f"no worse than the baseline: {objective.text}",
        kind="comparison",
        objective=f"share over the limit at most {objective.budget:g} above the baseline's",
        budget=objective.budget,
        cap=objective.cap,
        not_applicable=not_applicable,
    )


def _cost_runs(settings: Settings, checks: Sequence[PlannedCheck]) -> list[PlannedCheck]:
    """A load, an experiment or an attack is one run that several checks judge: its cost stands at the first of them."""
    runs: dict[tuple[str, str], int] = {}
    if load := settings.load:
        runs["load", ""] = int(load.rate * load.duration)
    if attack := settings.attack:
        # Lock-step: one request carries a row of every input, in batches; and each finding is replayed three times.
        runs["adversarial", ""] = (attack.budget + 1) * math.ceil(attack.inputs / ATTACK_BATCH) + 3 * attack.inputs
    for fault in settings.faults:
        seconds = settings.chaos.baseline + fault.duration + settings.chaos.recovery
        runs["chaos", slug(fault.name)] = math.ceil(settings.chaos.rate * (seconds + 4))
    found = []
    for check in checks:
        if check.suite in ("load", "chaos") or (check.suite == "adversarial" and check.kind == "estimate"):
            case = check.id.partition("[")[2].rstrip("]") if check.suite == "chaos" else ""
            requests = runs.pop((check.suite, case), 0)
            each = check.tokens // check.requests if check.requests else 0
            check = replace(check, requests=requests, tokens=each * requests)
        found.append(check)
    return found


def _share_alpha(checks: Sequence[PlannedCheck]) -> list[PlannedCheck]:
    """FAIL of an estimate is at alpha/m, m the planned statistical blockers (DESIGN 6.6)."""
    m = statistical_blockers(checks)
    return [replace(c, alpha_fail=c.alpha / m) if c.alpha is not None else c for c in checks]
