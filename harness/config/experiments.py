"""`[[fault]]` and `[[experiment]]`: plans of experiments, checked against the links and the kinds of faults.

Tested in tests/config/test_experiments.py.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, TypeVar

from harness.config.file import ConfigSource
from harness.config.sections import ConfigFile, ExperimentSection, TimedFaultSection
from harness.config.suite_sections import check_installed, is_read, read_platform
from harness.core.disturbance import Disturbance
from harness.core.experiment import ChaosSettings, ExperimentPlan, Fault, RequestWhere, TimedFault
from harness.core.fault import FaultKind, list_faults, load_fault
from harness.core.objective import Objective, Profile
from harness.core.objective_parser import parse_objective
from harness.core.plan import make_slug
from harness.core.platform_action import PlatformAction, Replica, find_gap
from harness.core.registry import list_plugins
from harness.core.stop_condition import parse_stop_condition
from harness.core.timeline import list_stages

_MOST_SECONDS, _MOST_STEPS, _MOST_FAULTS = 86_400, 1000, 100
"""The longest experiment in seconds (a day), the most steps of a ramp, and the most faults of an experiment."""

_F = TypeVar("_F", bound=Fault)


def read_experiments(
    file: ConfigFile,
    chaos: ChaosSettings,
    suites: tuple[str, ...],
    source: ConfigSource,
    profile: Profile,
    *,
    may_choose: bool = False,
    everything: bool = False,
) -> tuple[ExperimentPlan, ...]:
    """An experiment for each `[[fault]]`, then each `[[experiment]]`; none if no wanted suite reads them.

    Without any the harness chooses some itself, where it `may_choose`: gentle clients that misbehave, and with
    `everything` all that clients can do. Raises `ConfigError`.
    """
    plans: list[ExperimentPlan] = []
    replicas = {replica.name: replica for replica in read_platform(file.platform, source)}
    for index, section in enumerate(file.fault):
        reader = _FaultReader(source, file.links, replicas, ("fault", index))
        kind = reader.check_place(section, section.link)
        name = section.name or _name_fault(section, section.link)
        fault = reader.read_values(replace(section, name=name), kind)
        plans.append(_check_plan(ExperimentPlan.of_fault(fault, chaos), plans, source, "fault", index))
    for index, experiment in enumerate(file.experiment):
        plan = _read_experiment(experiment, index, file.links, replicas, chaos, source)
        plan = replace(plan, objectives=_read_objectives(experiment, index, profile, source))
        plans.append(_check_plan(plan, plans, source, "experiment", index))
    if not is_read("fault", suites):
        return ()
    if not plans and may_choose:
        plans = _list_own_plans(chaos, everything=everything)
    if any(plan.links for plan in plans):
        check_installed("toxiproxy", "aiharness[chaos]", source, "fault" if file.fault else "experiment")
    return tuple(plans)


@dataclass(frozen=True, slots=True)
class _FaultReader:
    """Reads one fault, whose keys stand at `place`."""

    source: ConfigSource
    links: Collection[str]
    replicas: Mapping[str, Replica]
    place: tuple[str | int, ...]

    def check_place(self, fault: Fault, link: str, key: str = "link") -> FaultKind[Any]:
        """The kind of a fault on this link. Raises `ConfigError` for a place or a kind that is not known."""
        kind, platform = fault.kind, fault.platform
        if kind in list_plugins("platform_actions"):
            return self._check_platform(kind, platform, link, key)
        if platform:
            self._refuse(f"{kind} is nothing that a platform does: leave platform out", "platform")
        if kind in list_plugins("disturbances"):
            if link:
                self._refuse(f"clients make {kind}, on no link: leave {key} out", key)
            return load_fault(kind)
        if not link and kind in list_plugins("faults"):
            self._refuse(f'{kind} acts on a link: write [links.NAME] and link = "NAME"', "kind")
        if not self.links:
            problem = f'no link is configured: write [links.{link}] with api = "http://127.0.0.1:8474"'
            raise self.source.error(problem, *self.place, key)
        self.source.check_known("link", link, self.links, *self.place, key)
        self.source.check_known("fault", kind, list_faults(), *self.place, "kind")
        with self.source.locate_errors(*self.place, "kind"):
            return load_fault(kind)

    def _check_platform(self, kind: str, platform: str, link: str, key: str) -> FaultKind[Any]:
        if link:
            self._refuse(f"the platform does {kind}, on no link: leave {key} out", key)
        if not platform:
            self._refuse(f'{kind} acts on a replica: write [platform.NAME] and platform = "NAME"', "kind")
        self.source.check_known("replica", platform, self.replicas, *self.place, "platform")
        action = load_fault(kind)
        assert isinstance(action, PlatformAction)
        if gap := find_gap(action, self.replicas[platform]):
            self._refuse(gap, "kind")
        return action

    def read_values(self, fault: _F, kind: FaultKind[Any], *, may_be_idle: bool = False) -> _F:
        """The fault with every attribute of its kind; `may_be_idle`: with these values it may disturb nothing."""
        if not 0 < fault.toxicity <= 1:
            self._refuse(f"must be over 0 and at most 1, got {fault.toxicity!r}", "toxicity")
        if not fault.link and fault.toxicity < 1:
            self._refuse(f"leave it out: {kind.name} strikes no share of connections", "toxicity")
        if fault.stream not in kind.streams:
            self._refuse(f"must be {' or '.join(kind.streams)} for {kind.name}, got {fault.stream!r}", "stream")
        with self.source.locate_errors(*self.place, "attributes"):
            kind.parse(fault.attributes)
        conditions = {name: text for name, text in asdict(fault.where).items() if text}
        if conditions and not kind.by_request:
            self._refuse(f"{kind.name} strikes connections; only faults that strike single requests have it", "where")
        with self.source.locate_errors(*self.place, "where"):
            parameters = kind.parse({**fault.attributes, **conditions})
        if parameters.is_idle and not may_be_idle:
            if kind.example.is_idle:
                self._refuse(f"{kind.name} disturbs nothing; give another kind", "kind")
            values = ", ".join(f"{key} = {value}" for key, value in asdict(kind.example).items() if value)
            problem = f"{kind.name} with these values disturbs nothing: write like attributes = {{ {values} }}"
            self._refuse(problem, "attributes")
        return replace(fault, attributes=asdict(parameters), where=RequestWhere())

    def check_ramp(self, fault: TimedFault, kind: FaultKind[Any]) -> None:
        """Refuse a ramp that cannot be carried out."""
        ramp = fault.ramp
        if ramp is None:
            return
        if ramp.steps > _MOST_STEPS:
            self._refuse(f"must be at most {_MOST_STEPS:,}, got {ramp.steps:,}", "ramp", "steps")
        if not ramp.attributes and ramp.toxicity is None:
            self._refuse("changes nothing: give the last attributes or the last toxicity", "ramp")
        if kind.stage is None:
            self._refuse(f"{kind.name} cannot grow: leave the ramp out", "ramp")
        if ramp.toxicity is not None and not 0 < ramp.toxicity <= 1:
            self._refuse(f"must be over 0 and at most 1, got {ramp.toxicity!r}", "ramp", "toxicity")
        texts = [parameter.name for parameter in kind.parameters if isinstance(parameter.default, str)]
        for name in ramp.attributes:
            if name in texts:
                self._refuse(f"{name} is a text, and only numbers grow", "ramp", "attributes")
        with self.source.locate_errors(*self.place, "ramp", "attributes"):
            kind.parse(ramp.attributes)
            stages = [kind.parse(stage.attributes) for stage in list_stages(fault)]
        if stages[-1].is_idle:
            self._refuse(f"its last step disturbs nothing: end with attributes over 0 for {kind.name}", "ramp")

    def _refuse(self, problem: str, *keys: str) -> None:
        raise self.source.error(problem, *self.place, *keys)


def _read_experiment(
    section: ExperimentSection,
    index: int,
    links: Mapping[str, Any],
    replicas: Mapping[str, Replica],
    chaos: ChaosSettings,
    source: ConfigSource,
) -> ExperimentPlan:
    faults: list[TimedFault] = []
    if not section.name.strip():
        raise source.error("is empty: give each experiment a name of its own", "experiment", index, "name")
    for number, timed in enumerate(section.fault):
        reader = _FaultReader(source, links, replicas, ("experiment", index, "fault", number))
        faults += _read_timed_fault(timed, reader, faults, section.blast_radius)
    if not 0 < len(faults) <= _MOST_FAULTS:
        problem = f"an experiment has from 1 to {_MOST_FAULTS} faults, each link counted, got {len(faults)}"
        raise source.error(problem, "experiment", index, "fault")
    with source.locate_errors("experiment", index, "stop"):
        stop = tuple(parse_stop_condition(text) for text in section.stop)
    own = {key.name: getattr(section, key.name, None) for key in fields(ChaosSettings)}
    chaos = replace(chaos, **{name: value for name, value in own.items() if value is not None})
    faults.sort(key=lambda fault: fault.at)
    return ExperimentPlan(
        section.name,
        tuple(faults),
        chaos,
        section.hypothesis,
        stop,
        section.blast_radius,
        section.seed,
        section.metastability,
    )


def _read_objectives(
    section: ExperimentSection, index: int, profile: Profile, source: ConfigSource
) -> tuple[Objective, ...]:
    """The objectives of this experiment alone."""
    objectives: dict[str, Objective] = {}
    for number, own in enumerate(section.objective):
        place = ("experiment", index, "objective", number)
        values = asdict(own)
        is_after = values.pop("phase") == "after"
        with source.locate_errors(*place):
            objective = replace(parse_objective("chaos", profile=profile, **values), after=is_after)
        if is_after and not objective.is_sampled:
            problem = f"{objective.metric} is not one of the requests after the faults: leave the phase out"
            raise source.error(problem, *place, "phase")
        if objective.slug in objectives:
            raise source.error(
                f"another objective has the name {objective.slug!r}; give each a name of its own", *place
            )
        objectives[objective.slug] = objective
    return tuple(objectives.values())


def _read_timed_fault(
    section: TimedFaultSection, reader: _FaultReader, others: Sequence[TimedFault], blast_radius: float
) -> Iterable[TimedFault]:
    """The fault on each of its links, with a name of its own."""
    is_of_link = section.kind not in (*list_plugins("disturbances"), *list_plugins("platform_actions"))
    if is_of_link and bool(section.link) == bool(section.links):
        raise reader.source.error('give either link = "NAME" or links = ["NAME", "NAME"]', *reader.place)
    if not 0 <= section.at <= _MOST_SECONDS:
        raise reader.source.error(
            f"must be from 0 to {_MOST_SECONDS:,} seconds, got {section.at!r}", *reader.place, "at"
        )
    for link in dict.fromkeys(section.links or [section.link]):
        kind = reader.check_place(section, link, "links" if section.links else "link")
        ramp = section.ramp
        values = {key.name: getattr(section, key.name) for key in fields(TimedFault)} | {"link": link}
        fault = reader.read_values(TimedFault(**values), kind, may_be_idle=ramp is not None)
        reader.check_ramp(fault, kind)
        most = max(stage.toxicity for stage in list_stages(fault))
        if link and most > blast_radius:
            problem = f"strikes {most:g} of the connections, more than the blast_radius of {blast_radius:g}"
            raise reader.source.error(f"{problem}; give a lower toxicity", *reader.place, "toxicity")
        if kind.stage is None and (clash := _find_overlap(fault, others)):
            place = f"link {link!r} is" if link else f"{fault.place} has"
            problem = f"{place} {fault.kind} already from {clash.at:g} s to {clash.end:g} s"
            raise reader.source.error(f"{problem}; let one end before the other begins", *reader.place, "at")
        name = section.name or _name_fault(section, link)
        if section.name and len(section.links) > 1:
            name = f"{section.name} on {link}"
        fault = replace(fault, name=_choose_name(name, [*others]))
        others = [*others, fault]
        yield fault


def _list_own_plans(chaos: ChaosSettings, *, everything: bool) -> list[ExperimentPlan]:
    """An experiment for each kind of fault that clients make and that a sound service hardly notices, or for all."""
    plans = []
    for name in list_plugins("disturbances"):
        kind = load_fault(name)
        if isinstance(kind, Disturbance) and (kind.spares_others or (everything and not kind.needs_prompt)):
            fault = Fault("", name, asdict(kind.example), name=name)
            plans.append(replace(ExperimentPlan.of_fault(fault, chaos), metastability=kind.overloads))
    return plans


def _name_fault(fault: Fault, link: str) -> str:
    place = link or fault.platform
    return f"{fault.kind} on {place}" if place else fault.kind


def _find_overlap(fault: TimedFault, others: Iterable[TimedFault]) -> TimedFault | None:
    """Another fault of the same kind that is on its link at the same time."""
    same = (other for other in others if (other.place, other.kind) == (fault.place, fault.kind))
    return next((other for other in same if other.at < fault.end and fault.at < other.end), None)


def _choose_name(name: str, others: Sequence[TimedFault]) -> str:
    """The name, with a number behind it where another fault of the experiment has it."""
    known = {make_slug(other.name) for other in others}
    number, chosen = 1, name
    while make_slug(chosen) in known:
        number += 1
        chosen = f"{name} {number}"
    return chosen


def _check_plan(
    plan: ExperimentPlan, others: Sequence[ExperimentPlan], source: ConfigSource, table: str, index: int
) -> ExperimentPlan:
    """Refuse a name that another experiment has, and an experiment that lasts too long or sends too much."""
    if make_slug(plan.name) in {make_slug(other.name) for other in others}:
        problem = f"another {table} has the name {plan.name!r}; give each {table} a name of its own"
        raise source.error(problem, table, index, "name")
    seconds = plan.chaos.baseline + plan.duration + plan.chaos.recovery
    if seconds > _MOST_SECONDS:
        key = "duration" if table == "fault" else "fault"
        problem = f"the experiment lasts {seconds:.4g} s, and at most {_MOST_SECONDS:,} s are allowed"
        raise source.error(f"{problem}: baseline, faults and recovery together", table, index, key)
    if problem_of_load := plan.chaos.find_problem(plan.duration):
        raise source.error(problem_of_load[1], table, index, problem_of_load[0])
    return plan
