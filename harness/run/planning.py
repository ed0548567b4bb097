"""Make the plan: catalogue and configuration in, every check that must end with a verdict out. Sends nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace

from harness.core.adapter import Capabilities
from harness.core.errors import UsageError
from harness.core.objective import Objective
from harness.core.plan import Plan, PlannedCheck, statistical_blockers
from harness.core.settings import GROUNDS, Settings
from harness.core.verdict import CheckSpec, Level
from harness.stats.planning import can_pass, min_n_to_pass
from harness.stats.sequential import RateTest


def build_plan(
    settings: Settings, declared: Iterable[tuple[str, str, CheckSpec]], capabilities: Capabilities | None
) -> Plan:
    """The plan of a run over the declared checks, given as (id without parameter, suite, spec).

    `capabilities` are the endpoint's; None when they are not known (`--ai-dry-run`): nothing is ruled out then.
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
        missing = capabilities.missing(spec.needs) if capabilities else None
        reason = (
            f"{settings.endpoint.protocol} at this endpoint offers no {missing.replace('_', ' ')}" if missing else None
        )
        if spec.per_objective:
            objectives = [o for o in settings.objectives if o.suite == suite]
            for objective in objectives:
                if objective.metric == "ttft" and capabilities and not capabilities.streaming:
                    protocol = settings.endpoint.protocol
                    raise UsageError(
                        f"objective {objective.text!r} cannot be judged: {protocol} has no streamed answers here, so "
                        "there is no first token; use latency"
                    )
            if not objectives:
                not_judged.append(f"{suite}: no [[objective]] is configured, so no latency or error rate is judged")
            checks += [_estimate(id_, suite, spec, objective, reason) for objective in objectives]
            if settings.baseline:
                checks += [_comparison(suite, objective, reason) for objective in objectives]
        else:
            checks += [_contract(id_, suite, spec, case, reason) for case in spec.cases or (None,)]
    return Plan(settings.suites, tuple(_share_alpha(checks)), tuple(not_judged), policy(settings))


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
        ("sample", hashlib.sha256(json.dumps(endpoint.sample, default=str).encode()).hexdigest()[:16]),
    )


def rate_test(check: PlannedCheck | Objective, alpha_fail: float) -> RateTest:
    """The sequential test that decides an objective (DESIGN 6.4)."""
    if check.budget is None or check.loosened is None or check.cap is None or check.alpha is None:
        raise ValueError(f"{check} is not an estimate")
    return RateTest(
        budget=check.budget, loosened=check.loosened, cap=check.cap, alpha_pass=check.alpha, alpha_fail=alpha_fail
    )


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


def _estimate(id_: str, suite: str, spec: CheckSpec, objective: Objective, not_applicable: str | None) -> PlannedCheck:
    if not can_pass(rate_test(objective, objective.alpha)):
        need = min_n_to_pass(objective.loosened, objective.alpha / 2)
        raise UsageError(
            f"objective {objective.text!r} of suite {suite} cannot PASS: with the cap of {objective.cap} requests not "
            f"even a flawless run decides it, at least {need} are needed. Choose a lower percentile, a larger margin "
            f"or a profile with a larger cap"
        )
    return PlannedCheck(
        id=f"{id_}[{objective.slug}]",
        suite=suite,
        level=objective.level,
        title=objective.name or objective.text,
        kind="estimate",
        requests=objective.cap,
        tokens=spec.tokens * objective.cap,
        objective=objective.text,
        metric=objective.metric,
        limit=objective.limit,
        budget=objective.budget,
        loosened=objective.loosened,
        alpha=objective.alpha,
        cap=objective.cap,
        min_n=min_n_to_pass(objective.loosened, objective.alpha),
        not_applicable=not_applicable,
        clauses=spec.clauses,
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


def _share_alpha(checks: Sequence[PlannedCheck]) -> list[PlannedCheck]:
    """FAIL of an estimate is at alpha/m, m the planned statistical blockers (DESIGN 6.6)."""
    m = statistical_blockers(checks)
    return [replace(c, alpha_fail=c.alpha / m) if c.alpha is not None else c for c in checks]
