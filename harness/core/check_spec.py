"""CheckSpec: what a packaged check declares of itself, and the cases that the settings give it.

Tested in tests/suites/test_catalogue.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product, starmap
from typing import Any, Literal

from harness.core.experiment import ExperimentPlan
from harness.core.experiment_kinds import EXPERIMENT_KINDS
from harness.core.generation_options import DEFAULT_LIMIT
from harness.core.measurement import Measurement
from harness.core.mutation import Mutation
from harness.core.objective import Objective
from harness.core.plan import make_slug
from harness.core.settings import Settings
from harness.core.verdict import Level


@dataclass(frozen=True, slots=True)
class CheckSpec:
    """What a packaged check declares of itself, before any request is sent.

    `needs` names capabilities without which it is SKIPPED, `grounds` settings without which it is not planned;
    `requests` and `tokens` are its own cost at most, per case (`answers`, where one request has several; a configured
    limit of tokens makes each of them dearer); `measures` are the measurements that it judges, each of
    which has a cost of its own. `cases` are its parametrised ids; `per` gives it one case for each configured objective
    of its suite, each experiment (or each of a kind, `experiment_of_KIND`), each chosen attack but those in
    `without_attacks`, each finding of an earlier run, or each pair of them. `attack` is
    the one attack that it judges: it is planned where that is chosen; with `all_attacks` it judges what each of them
    left. `metrics` names the metrics of the objectives
    that it judges; empty: every objective of its suite. `before_contact` marks a check that runs on an endpoint which
    was never reached, `alone` one beside which, under xdist, no other runs. Where `promise` is not
    promised, it is no more than a warning. `find_share` says for the settings and the case which share of bad inputs it
    bounds: over 0 it is an estimate. `broken_by` are mutations that break its promise, for the proof that it can
    fail. One that `compares` shares or distributions of rows with a margin is no part of a proof, as no estimate is.
    """

    title: str
    level: Level = Level.BLOCKER
    needs: tuple[str, ...] = ()
    grounds: tuple[str, ...] = ()
    requests: int = 1
    tokens: int = 0
    answers: int = 0
    cases: tuple[str, ...] = ()
    per: Literal[
        "",
        "objective",
        "experiment",
        "experiment_of_clients",
        "experiment_of_restarts",
        "experiment_of_pulses",
        "experiment_of_overloads",
        "experiment_of_aborts",
        "experiment_of_waits",
        "experiment_objective",
        "attack",
        "attack_objective",
        "finding",
        "relation",
    ] = ""
    attack: str = ""
    metrics: tuple[str, ...] = ()
    without_attacks: tuple[str, ...] = ()
    all_attacks: bool = False
    measures: tuple[Measurement[Any], ...] = ()
    before_contact: bool = False
    alone: bool = False
    promise: str = ""
    find_share: Callable[[Settings, Any], float] | None = None
    clauses: tuple[str, ...] = ()
    broken_by: tuple[Mutation, ...] = ()
    compares: bool = False

    def count_tokens(self, extra_tokens: int) -> int:
        """The tokens at most, if each generated answer may be longer by `extra_tokens`."""
        answers = max(self.requests, self.answers)
        if not self.tokens or not extra_tokens:
            return self.tokens
        return max(self.tokens + extra_tokens * answers, (DEFAULT_LIMIT + extra_tokens) * answers)


@dataclass(frozen=True, slots=True)
class Axis:
    """One parameter of a check: its name in the function, its values, and the part of the id that stands for each.

    Two parameters that belong together are one axis, `name` "one,other", whose values are pairs.
    """

    name: str
    values: Sequence[Any]
    ids: Sequence[str]

    def bind(self, place: int) -> dict[str, Any]:
        """The parameters with their values at this place."""
        names, value = self.name.split(","), self.values[place]
        return dict(zip(names, value if len(names) > 1 else [value], strict=True))


def list_bindings(axes: Sequence[Axis]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each combination of the axes' values: its part of the id, which is empty without axes, and the parameters."""
    for places in product(*(range(len(axis.values)) for axis in axes)):
        values: dict[str, Any] = {}
        for axis, place in zip(axes, places, strict=True):
            values |= axis.bind(place)
        yield "-".join(axis.ids[place] for axis, place in zip(axes, places, strict=True)), values


def _make_pair_id(plan: ExperimentPlan, objective: Objective) -> str:
    return f"{make_slug(plan.name)}-{objective.slug}"


def list_axes(spec: CheckSpec, suite: str, settings: Settings) -> list[Axis]:
    """The parameters that the settings give to a check of this suite, in the order of its id."""
    axes = []
    of_suite = [
        objective
        for objective in settings.objectives
        if objective.suite == suite and (not spec.metrics or objective.metric in spec.metrics)
    ]
    if spec.per == "experiment_objective":
        pairs = [(plan, objective) for plan in settings.experiments for objective in plan.join_objectives(of_suite)]
        return [Axis("experiment,objective", pairs, list(starmap(_make_pair_id, pairs)))]
    if "experiment" in spec.per:
        plans = settings.experiments
        if is_of_kind := EXPERIMENT_KINDS.get(spec.per.removeprefix("experiment_of_")):
            plans = tuple(filter(is_of_kind, plans))
        axes.append(Axis("experiment", plans, [make_slug(plan.name) for plan in plans]))
    if "attack" in spec.per and settings.attack:
        attacks = [name for name in settings.attack.attacks if name not in spec.without_attacks]
        axes.append(Axis("attack", attacks, attacks))
    if spec.per == "finding":
        findings = settings.known_findings
        axes.append(Axis("finding", findings, [finding.slug for finding in findings]))
    if spec.per == "relation":
        relations = settings.relations
        axes.append(Axis("relation", relations, [relation.slug for relation in relations]))
    if "objective" in spec.per:
        axes.append(Axis("objective", of_suite, [objective.slug for objective in of_suite]))
    return axes
