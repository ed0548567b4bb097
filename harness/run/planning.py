"""Make the plan: catalogue and configuration in, every check that must end with a verdict out. Sends nothing."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from harness.core.adapter import Capabilities
from harness.core.check_spec import Axis, CheckSpec, list_axes, list_bindings
from harness.core.errors import ConfigError, UsageError
from harness.core.measurement import Scope
from harness.core.objective import Objective
from harness.core.plan import Plan, PlannedCheck, PlannedMeasurement, count_statistical_blockers
from harness.core.proof import plan_proof
from harness.core.registry import describe_unknown, list_plugins
from harness.core.relation import Relation
from harness.core.settings import Settings
from harness.core.suite_policy import SuitePolicy, explain_ground, find_policy
from harness.core.verdict import ALPHA, Level
from harness.core.waiver import names_check
from harness.run.unprovoked import plan_unprovoked
from harness.stats.dependence import FEWEST_REQUESTS
from harness.stats.planning import can_pass, compute_min_n_to_pass
from harness.stats.sequential import RateTest

STRICT = "strict"
"""The profile in which what is only a warning elsewhere (a server's house style) fails the gate."""

WARM_UP_REQUESTS, WARM_UP_SECONDS, FEWEST_WARM_UP = 50, 10.0, 3
"""Requests before a sequential test that are not counted, as cold starts are not the steady state: so many, or those
of so many seconds, but at least the fewest."""


LEAST_SECONDS = 1.0
"""The shortest run that is judged, however many requests it sends."""


def build_plan(
    settings: Settings,
    declared: Iterable[tuple[str, str, CheckSpec]],
    capabilities: Mapping[str, Capabilities] = {},
    processes: int = 1,
) -> Plan:
    """The plan of a run over the declared checks, given as (id without parameter, suite, spec).

    `capabilities` are the endpoint's, by suite; where they are not known (`--ai-dry-run`), nothing is ruled out.
    `processes` run the checks. Raises `UsageError` for an objective that could not PASS however well the service did.
    """
    planner = _Planner(settings)
    for id_, suite, spec in declared:
        planner.add_check(id_, suite, spec, capabilities.get(suite))
    return planner.finish(processes)


@dataclass(frozen=True, slots=True)
class _Case:
    """One planned check of a declared one; `name` is the id's part in brackets, `under` its experiment or attack."""

    id: str
    scope: Scope
    not_applicable: str | None
    name: str
    under: str
    objective: Objective | None
    measurements: tuple[PlannedMeasurement, ...]


class _Planner:
    """Collects the planned checks of the declared ones, and what the configuration gives no ground to judge."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._grounds = settings.grounds()
        self._checks: list[PlannedCheck] = []
        self._not_judged: list[str] = []
        self._comparing: set[str] = set()
        self._declared: list[str] = []
        self._not_compared: list[tuple[str, str]] = []
        self._measurements: dict[str, PlannedMeasurement] = {}

    def add_check(self, id_: str, suite: str, spec: CheckSpec, offered: Capabilities | None) -> None:
        """Plan a declared check, once for each of its cases."""
        self._declared.append(id_)
        missing_grounds = [explain_ground(name) for name in spec.grounds if name not in self._grounds]
        attack = self._settings.attack
        if not missing_grounds and spec.attack and attack and spec.attack not in attack.attacks:
            missing_grounds = [f"attack {spec.attack!r} is not chosen ([adversarial] attacks)"]
        if self._settings.gameday and not spec.per.startswith("experiment"):
            missing_grounds.append("it is no part of a game day")
        if missing_grounds:
            self._not_judged.append(f"{spec.title}: {'; '.join(missing_grounds)}")
            return
        if "baseline" in spec.grounds:
            self._comparing.add(suite)
        protocol = self._settings.endpoint_of(suite).protocol
        policy = find_policy(suite)
        if policy.not_assessed and offered and offered.generates:
            self._not_judged.append(policy.not_assessed)
        if "objective" in spec.per:
            self._examine_objectives(suite, policy, protocol, offered)
        missing = offered.find_missing(spec.needs) if offered else None
        not_applicable = f"{protocol} at this endpoint offers no {missing.replace('_', ' ')}" if missing else None
        for case in self._list_cases(id_, suite, spec, not_applicable):
            self._measurements |= {planned.id: planned for planned in case.measurements}
            check = self._weigh(_plan_contract(case, spec, policy), spec, case)
            if case.objective is not None:
                check = _plan_objective(check, case, case.objective, spec, policy)
            self._checks.append(check)
        if spec.per == "objective" and self._settings.baseline and policy.compares:
            self._checks += [_plan_comparison(suite, o, not_applicable) for o in self._objectives(suite)]

    def _weigh(self, check: PlannedCheck, spec: CheckSpec, case: _Case) -> PlannedCheck:
        """The check with the level that the promises and the relation give it, an estimate where it bounds a share."""
        relation = case.scope.case
        if isinstance(relation, Relation):
            check = replace(check, level=relation.level)
        if spec.promise and spec.promise not in self._grounds and check.level is Level.BLOCKER:
            check = replace(check, level=Level.WARN)
        share = spec.find_share(self._settings, relation) if spec.find_share else 0.0
        if not share:
            return check
        loosened = self._settings.profile.loosen(share)
        return replace(check, kind="estimate", alpha=ALPHA, limit=share, budget=share, loosened=loosened)

    def finish(self, processes: int) -> Plan:
        """The whole plan."""
        settings, checks = self._settings, self._checks
        if settings.profile.name == STRICT:
            checks = [_raise_level(check) for check in checks]
        checks = self._block(checks)
        if settings.baseline and not (self._comparing or any(check.kind == "comparison" for check in checks)):
            raise UsageError(
                f"--ai-baseline={settings.baseline} compares nothing: give suite smoke an objective, or run suite load"
            )
        if any(check.kind == "contract" and check.requests for check in checks):
            checks = [*checks, plan_unprovoked(settings)]
        if settings.prove:
            checks = [*checks, plan_proof(settings.suites[0], checks)]
        for suite, text in self._not_compared:
            if suite not in self._comparing:
                self._not_judged.append(f"{suite}: {text} is not compared with the baseline: single requests are")
        needed = {id_ for check in checks if not check.not_applicable for id_ in check.measures}
        return Plan(
            settings.suites,
            tuple(_share_alpha(checks)),
            tuple(dict.fromkeys(self._not_judged)),
            collect_policy(settings),
            tuple(planned for id_, planned in self._measurements.items() if id_ in needed),
            processes,
        )

    def _block(self, checks: list[PlannedCheck]) -> list[PlannedCheck]:
        """The checks, those that `[run] block` names as blockers. Raises `UsageError` for an id that names none."""
        ids = [*self._declared, *(check.id for check in checks)]
        for name in self._settings.block:
            suite = name.removeprefix("ai-suite/").partition("/")[0]
            is_elsewhere = suite in list_plugins("suites") and suite not in self._settings.suites
            if not is_elsewhere and not any(names_check(name, id_) for id_ in ids):
                known = {id_.removeprefix("ai-suite/").partition("[")[0] for id_ in ids}
                raise UsageError(f"[run] block: {describe_unknown('check', name, known)}")
        return [self._promote(check) for check in checks]

    def _promote(self, check: PlannedCheck) -> PlannedCheck:
        if any(names_check(name, check.id) for name in self._settings.block):
            return replace(check, level=Level.BLOCKER)
        return check

    def _objectives(self, suite: str) -> list[Objective]:
        return [objective for objective in self._settings.objectives if objective.suite == suite]

    def _examine_objectives(self, suite: str, policy: SuitePolicy, protocol: str, offered: Capabilities | None) -> None:
        """Refuse objectives that need streams where there are none, and note what is not judged or not compared."""
        objectives = self._objectives(suite)
        for objective in objectives:
            if objective.streamed and offered and not offered.streaming:
                raise UsageError(
                    f"objective {objective.text!r} cannot be judged: {protocol} has no streamed answers here, "
                    "so there is no first token; use latency"
                )
            if self._settings.baseline and not policy.compares:
                self._not_compared.append((suite, objective.text))
        own = policy.disturbs and any(plan.objectives for plan in self._settings.experiments)
        if not objectives and not own:
            names = " or ".join(metric.name for metric in policy.metrics[:4])
            if others := policy.metrics[4:]:
                names += f" or one of {len(others)} other metrics"
            self._not_judged.append(f"{suite}: no [[objective]] is configured for {names}")

    def _list_cases(self, id_: str, suite: str, spec: CheckSpec, not_applicable: str | None) -> Iterable[_Case]:
        axes = list_axes(spec, suite, self._settings)
        if spec.cases:
            axes.append(Axis("case", spec.cases, spec.cases))
        for name, values in list_bindings(axes):
            experiment, attack = values.get("experiment"), values.get("attack")
            under = f" against {attack}" if attack else ""
            if experiment:
                under = f" under {experiment.name}"
            scope = Scope(self._settings, suite, experiment or attack or values.get("relation") or spec.attack or None)
            scopes = [scope]
            if spec.all_attacks and self._settings.attack:
                scopes = [replace(scope, case=name) for name in self._settings.attack.attacks]
            measurements = tuple(measurement.plan(one) for one in scopes for measurement in spec.measures)
            full_id = f"{id_}[{name}]" if name else id_
            yield _Case(full_id, scope, not_applicable, name, under, values.get("objective"), measurements)


def plan_user_check(id_: str, suite: str, title: str, level: str) -> PlannedCheck:
    """A planned check for a collected test of the user's own, marked `ai_suite`."""
    return PlannedCheck(id_, suite, Level(level), title, kind="user")


def collect_policy(settings: Settings) -> tuple[tuple[str, str], ...]:
    """What else binds the verdicts and so belongs in the plan's hash."""
    endpoint = settings.endpoint
    deadlines = ", ".join(f"{name} {seconds:g} s" for name, seconds in asdict(endpoint.deadlines).items())
    ceilings = {name: value for name, value in asdict(settings.ceilings).items() if value is not None}
    pairs = [
        ("profile", settings.profile.name),
        ("sampling", f"spread over at least {settings.profile.window:g} s"),
        ("confidence", f"{1 - settings.profile.alpha:g} a side"),
        ("seed", str(settings.seed)),
        ("deadlines", deadlines),
        ("ceilings", json.dumps(ceilings) if ceilings else "none"),
        ("promises", json.dumps(asdict(settings.promises))),
    ]
    if settings.data and settings.data.dataset:
        pairs.append(("data", settings.data.dataset.digest))
    if settings.data and settings.data.golden:
        pairs.append(("golden", f"{settings.data.golden.digest}, within {settings.data.tolerance.describe()}"))
    if settings.evaluation:
        pairs.append(("evaluation", json.dumps(settings.evaluation.describe())))
    if settings.reference:
        pairs.append(("reference", json.dumps(asdict(settings.reference))))
    if settings.relations:
        pairs.append(("relations", json.dumps(list(map(asdict, settings.relations)))))
    if settings.experiments:
        pairs.append(("experiments", json.dumps([asdict(plan) for plan in settings.experiments])))
    pairs += [(name, json.dumps(asdict(section), default=str)) for name, section in settings.sections.items()]
    options = {suite: settings.endpoint_of(suite).options for suite in settings.suites}
    if any(options.values()):
        pairs.append(("options", json.dumps(options)))
    sample = json.dumps(endpoint.sample, default=str).encode()
    return (*pairs, ("sample", hashlib.sha256(sample).hexdigest()[:16]))


def make_rate_test(objective: Objective, alpha_fail: float) -> RateTest:
    """The sequential test that decides an objective (DESIGN 6.4)."""
    budget, loosened, cap = objective.budget, objective.loosened, objective.cap
    return RateTest(budget=budget, loosened=loosened, cap=cap, alpha_pass=objective.alpha, alpha_fail=alpha_fail)


def make_comparison_id(suite: str, objective: Objective) -> str:
    """The id of the comparison of this objective with the baseline."""
    return f"ai-baseline/{suite}/{objective.slug}"


def _raise_level(check: PlannedCheck) -> PlannedCheck:
    """A packaged warning as a blocker; an objective keeps the level that the user gave it."""
    if check.level is Level.WARN and not check.objective:
        return replace(check, level=Level.BLOCKER)
    return check


def _plan_contract(case: _Case, spec: CheckSpec, policy: SuitePolicy) -> PlannedCheck:
    return PlannedCheck(
        id=case.id,
        suite=case.scope.suite,
        level=spec.level,
        title=f"{spec.title}: {case.name}" if case.name else spec.title,
        requests=spec.requests,
        tokens=spec.count_tokens(case.scope.endpoint.extra_tokens),
        not_applicable=case.not_applicable,
        clauses=spec.clauses,
        measures=tuple(measurement.id for measurement in case.measurements),
        shared=policy.shares_answers and spec.requests > 0,
    )


def _plan_objective(
    check: PlannedCheck, case: _Case, objective: Objective, spec: CheckSpec, policy: SuitePolicy
) -> PlannedCheck:
    """The planned check of an objective, with the number of its samples."""
    title = (objective.name or objective.text) + case.under
    check = replace(
        check,
        level=objective.level,
        title=f"{spec.title}: {title}" if "baseline" in spec.grounds else title,
        objective=objective.text,
        metric=objective.metric,
        limit=objective.limit,
        tokens=0,
        shared=False,
    )
    where = case.scope.settings.places.get((objective.suite, objective.slug), "")
    if objective.is_rate:
        if obstacle := policy.find_obstacle(case.scope, objective):
            text = f"objective {objective.text!r} of suite {objective.suite} cannot PASS: {obstacle}"
            raise ConfigError(text, where=where)
        return replace(check, kind="estimate", alpha=objective.alpha)
    if not objective.is_sampled:
        return check
    fixed = policy.samples(case.scope, objective)
    n = objective.cap if fixed is None else fixed
    try:
        _refuse_undecidable(objective, policy, n, policy.seconds(case.scope, objective), sequential=fixed is None)
    except UsageError as problem:
        raise ConfigError(str(problem), where=where) from None
    requests = 0 if spec.measures else _count_requests(case.scope.settings, policy, n, sequential=fixed is None)
    return replace(
        check,
        kind="estimate",
        requests=requests,
        tokens=(spec.tokens + case.scope.endpoint.extra_tokens) * requests if spec.tokens else 0,
        budget=objective.budget,
        loosened=objective.loosened,
        alpha=objective.alpha,
        cap=n,
        min_n=None if objective.is_error else compute_min_n_to_pass(objective.loosened, objective.alpha),
    )


def _count_requests(settings: Settings, policy: SuitePolicy, n: int, *, sequential: bool) -> int:
    if not sequential:
        return n
    endpoints = 2 if policy.compares and "://" in (settings.baseline or "") else 1
    return (WARM_UP_REQUESTS + n) * endpoints


def _refuse_undecidable(objective: Objective, policy: SuitePolicy, n: int, seconds: float, *, sequential: bool) -> None:
    """Raise `UsageError` for an objective that not even a flawless run of n samples in so many seconds would decide."""
    if objective.is_error:
        return
    need = compute_min_n_to_pass(objective.loosened, objective.alpha / (2 if sequential else 1))
    least_seconds = 0.0
    if policy.dependent:
        need, least_seconds = max(need, FEWEST_REQUESTS), LEAST_SECONDS
    enough = can_pass(make_rate_test(objective, objective.alpha)) if sequential else n >= need
    if enough and (not seconds or seconds >= least_seconds):
        return
    reason = f"not even a flawless run of its {n} samples decides it, at least {need} are needed"
    if enough:
        reason = f"{seconds:g} s are one moment in the life of a service, at least {LEAST_SECONDS:g} s are needed"
    if n and seconds:
        least_seconds = max(least_seconds, need * seconds / n)
        reason += f": the shortest run that could, at this rate, judges {math.ceil(least_seconds - 1e-9)} s"
        reason += f" instead of {seconds:g} s"
    raise UsageError(
        f"objective {objective.text!r} of suite {objective.suite} cannot PASS: {reason}. "
        f"Give a larger margin, another limit, or {policy.hint}"
    )


def _plan_comparison(suite: str, objective: Objective, not_applicable: str | None) -> PlannedCheck:
    return PlannedCheck(
        id=make_comparison_id(suite, objective),
        suite=suite,
        level=objective.level,
        title=f"no worse than the baseline: {objective.text}",
        kind="comparison",
        objective=f"share over the limit at most {objective.budget:g} above the baseline's",
        budget=objective.budget,
        cap=objective.cap,
        not_applicable=not_applicable,
    )


def rule_out_checks(plan: Plan, known: Mapping[str, PlannedCheck]) -> Plan:
    """The plan without what does not apply at this endpoint, as checks of an earlier plan say, by their ids."""
    checks = [replace(check, not_applicable=known.get(check.id, check).not_applicable) for check in plan.checks]
    return replace(plan, checks=tuple(_share_alpha(checks)))


def _share_alpha(checks: Sequence[PlannedCheck]) -> list[PlannedCheck]:
    """FAIL of an estimate is at alpha/m, m the planned statistical blockers (DESIGN 6.6)."""
    m = count_statistical_blockers(checks)
    return [replace(check, alpha_fail=check.alpha / m) if check.alpha is not None else check for check in checks]
