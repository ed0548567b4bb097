"""Find and read the configuration: command line over environment over file over default.

The file is `aiharness.toml`, or `[tool.aiharness]` in pyproject.toml, in the folder of the call or above it up to the
project's root. Every error names file, line and key, and the nearest known key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness.config.drift import read_drift
from harness.config.endpoint import resolve_endpoint
from harness.config.evaluation import read_evaluation
from harness.config.experiments import read_experiments
from harness.config.file import ConfigSource, read_file
from harness.config.operation_urls import split_operation
from harness.config.options import Options
from harness.config.sections import ConfigFile, ObjectiveSection, ProfileSection, ReportSection, WaiverSection
from harness.config.suite_sections import (
    choose_data_sample,
    choose_task,
    complete_sections,
    read_data_settings,
    read_known_findings,
    read_links,
    read_platform,
    read_reference,
    read_relations,
    resolve_suite_endpoints,
)
from harness.core.dataset import Dataset
from harness.core.disturbance import find_obstacle
from harness.core.errors import UsageError
from harness.core.evidence_map import EvidenceMap
from harness.core.experiment import ChaosSettings, ExperimentPlan
from harness.core.gate import Policy
from harness.core.objective import PROFILES, Objective, Profile
from harness.core.objective_parser import parse_objective
from harness.core.registry import describe_unknown, list_plugins
from harness.core.settings import DEFAULT_SEED, Ceilings, DataSettings, Promises, Settings
from harness.core.suite_policy import find_policy, sort_suites
from harness.core.waiver import Waiver
from harness.io.evidence_file import read_evidence_map

_EXTRAS = {"property": ("hypothesis", "hypothesis_jsonschema"), "torch": ("torch",)}
"""Optional extras that a check may need as its ground, with the modules that each installs; none is imported here."""


def resolve_settings(options: Options, environ: Mapping[str, str], folders: Sequence[Path]) -> Settings:
    """Join everything into `Settings`. `folders` are searched in order for the file.

    Raises `UsageError`, or `ConfigError` for the file's part.
    """
    source, file, sections = read_file(options.config, folders, options.extra_config, options.experiments)
    with source.locate_errors("run", "suites", given_elsewhere=options.suites):
        named = options.suites or tuple(file.run.suites)
        _check_suites(tuple(file.run.suites))
        suites = _check_suites(named or (("all",) if options.all_suites else ()))
    with source.locate_errors("run", "profile", given_elsewhere=options.profile):
        profile = _choose_profile(options.profile or file.run.profile, file.profile)
    endpoint, origins = resolve_endpoint(options, environ, file.endpoint, source)
    objectives = _parse_objectives(file.objective, profile, suites, source)
    own_sections = complete_sections(sections, suites, source)
    data = _check_slices(read_data_settings(choose_task(file.data, objectives), suites, source), file.objective, source)
    endpoint = replace(endpoint, data_sample=choose_data_sample(data, endpoint.template))
    may_choose = "chaos" in named and not options.gameday and find_obstacle(endpoint, file.targets.allow) is None
    return Settings(
        endpoint=endpoint,
        suites=suites,
        objectives=tuple(objectives),
        places={(objective.suite, objective.slug): where for objective, where in objectives.items()},
        profile=profile,
        seed=_choose_seed(options.seed, file.run.seed),
        ceilings=_choose_ceilings(options, file),
        promises=_check_promises(file.promises, source),
        others=resolve_suite_endpoints(file.suite, endpoint, suites, source),
        data=data,
        drift=read_drift(file.drift, file.data, data.dataset if data else None, source),
        evaluation=read_evaluation(file.evaluation, file.judge, file.objective, suites, environ, source),
        sections=own_sections,
        links=read_links(file.links, source),
        platform=read_platform(file.platform, source),
        reference=read_reference(file.reference, suites, source),
        known_findings=read_known_findings(own_sections, source),
        relations=read_relations(file.relation, data, suites, source),
        experiments=_read_experiments(file, own_sections, suites, source, profile, may_choose, options.yes),
        allow=tuple(file.targets.allow),
        wait_ready=_check_positive("--ai-wait-ready", options.wait_ready),
        policy=Policy(options.inconclusive, options.allow_partial, options.accept_first),
        run_dir=options.run_dir,
        reports=tuple(_parse_report(text) for text in options.reports),
        baseline=_leave_out_operation(options.baseline),
        responsible=options.responsible or file.run.responsible,
        evidence_map=_read_own_map(file.report, source),
        waivers=tuple(_read_waivers(file.waiver, source)),
        block=tuple(file.run.block),
        stop_early=options.stop_early,
        resume=options.resume,
        sources={**origins, "configuration": source.describe_main()},
        only_check=options.only_check,
        gameday=options.gameday,
        assume_yes=options.yes,
        prove=options.prove,
        extras=tuple(name for name, modules in _EXTRAS.items() if all(map(find_spec, modules))),
    )


def _read_experiments(
    file: ConfigFile,
    own_sections: Mapping[str, Any],
    suites: tuple[str, ...],
    source: ConfigSource,
    profile: Profile,
    may_choose: bool,
    everything: bool,
) -> tuple[ExperimentPlan, ...]:
    chaos = next((own for own in own_sections.values() if isinstance(own, ChaosSettings)), ChaosSettings())
    return read_experiments(file, chaos, suites, source, profile, may_choose=may_choose, everything=everything)


def _check_suites(wanted: tuple[str, ...]) -> tuple[str, ...]:
    known = list_plugins("suites")
    if "all" in wanted:
        return sort_suites(name for name in known if not find_policy(name).on_request)
    for name in wanted:
        if name not in known:
            raise UsageError(describe_unknown("suite", name, (*known, "all")))
    return tuple(dict.fromkeys(wanted))


def _choose_profile(name: str, own: Mapping[str, ProfileSection]) -> Profile:
    profiles = dict(PROFILES)
    for key, section in own.items():
        base = profiles.get(key, replace(PROFILES["release"], name=key))
        changes = {field: value for field, value in asdict(section).items() if value is not None}
        profiles[key] = replace(base, **changes)
    if name not in profiles:
        raise UsageError(describe_unknown("profile", name, profiles))
    return profiles[name]


def _parse_objectives(
    sections: Sequence[ObjectiveSection], profile: Profile, suites: tuple[str, ...], source: ConfigSource
) -> dict[Objective, str]:
    """The objectives of the wanted suites, each with its file and line."""
    objectives: dict[Objective, str] = {}
    for index, section in enumerate(sections):
        source.check_known("suite", section.suite, list_plugins("suites"), "objective", index, "suite")
        with source.locate_errors("objective", index):
            objective = parse_objective(profile=profile, **asdict(section))
        if (section.suite, objective.slug) in {(other.suite, other.slug) for other in objectives}:
            raise source.error(
                f"another objective has the name {objective.slug!r}; give each a name of its own", "objective", index
            )
        objectives[objective] = source.error("", "objective", index).where
    return {objective: where for objective, where in objectives.items() if objective.suite in suites}


def _check_slices(
    data: DataSettings | None, objectives: Sequence[ObjectiveSection], source: ConfigSource
) -> DataSettings | None:
    """Refuse an objective of a slice that the data do not have."""
    groups = data.dataset.list_slices() if data and data.dataset else []
    for index, section in enumerate(objectives if data else ()):
        if data and data.dataset:
            _check_groups(data.dataset, section, index, source)
        if section.slice is None or section.slice in groups:
            continue
        problem = describe_unknown("slice", section.slice, groups)
        if not groups:
            problem = "the data have no slices: name the columns that hold them with [data] slices"
        raise source.error(problem, "objective", index, "slice")
    return data


def _check_groups(dataset: Dataset, section: ObjectiveSection, index: int, source: ConfigSource) -> None:
    """Refuse a gap between groups of columns that are not sensitive ones of the data."""
    takes = next((m.takes for m in find_policy(section.suite).metrics if m.name == section.metric.strip()), ())
    if "by" in takes and not dataset.sensitive:
        problem = f"{section.metric} compares groups: name the columns that hold them with [data] sensitive"
        raise source.error(problem, "objective", index, "metric")
    if section.by is None:
        return
    columns = section.by.split(" and ")
    for column in columns:
        if column not in dataset.sensitive:
            problem = describe_unknown("sensitive column", column, dataset.sensitive)
            raise source.error(f"{problem}. Two are joined as in 'sex and age'", "objective", index, "by")
    if len(set(columns)) < len(columns) or len(columns) > 2:
        raise source.error(f"must be one sensitive column or two, got {section.by!r}", "objective", index, "by")


def _choose_ceilings(options: Options, file: ConfigFile) -> Ceilings:
    return Ceilings(
        _choose_first(_check_positive("--ai-max-requests", options.max_requests), file.run.max_requests),
        _choose_first(_check_positive("--ai-max-tokens", options.max_tokens), file.run.max_tokens),
        _choose_first(_check_positive("--ai-max-time", options.max_time), file.run.max_time),
    )


def _choose_seed(given: int | None, configured: int | None) -> int:
    if given is not None and given < 0:
        raise UsageError(f"--ai-seed must be 0 or more, got {given}")
    return int(_choose_first(given, configured, DEFAULT_SEED))


def _check_promises(promises: Promises, source: ConfigSource) -> Promises:
    for name in ("request_id", "idempotency"):
        value = getattr(promises, name)
        if value is not None and not re.fullmatch(r"[A-Za-z0-9-]+", value):
            example = f'{name} = "X-Request-Id"'
            raise source.error(f"must be the name of a header, like {example}, got {value!r}", "promises", name)
    return promises


def _read_waivers(sections: Sequence[WaiverSection], source: ConfigSource) -> Iterator[Waiver]:
    """The waivers, each with its last day."""
    for index, section in enumerate(sections):
        try:
            end = date.fromisoformat(section.expires)
        except ValueError:
            problem = f'must be a day, like "2026-12-31", got {section.expires!r}'
            raise source.error(problem, "waiver", index, "expires") from None
        yield Waiver(section.check.strip(), section.reason, section.owner, end)


def _read_own_map(section: ReportSection, source: ConfigSource) -> EvidenceMap | None:
    if section.evidence_map is None:
        return None
    with source.locate_errors("report", "evidence_map"):
        return read_evidence_map(source.find_file(section.evidence_map, "report", "evidence_map"))


def _check_positive(name: str, value: Any) -> Any:
    if value is not None and not value > 0:
        raise UsageError(f"{name} must be over 0, got {value!r}")
    return value


def _parse_report(text: str) -> tuple[str, str | None]:
    name, _, path = text.partition(":")
    if name not in list_plugins("reports"):
        raise UsageError(describe_unknown("report format", name, list_plugins("reports")))
    return name, path or None


def _choose_first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _leave_out_operation(baseline: str | None) -> str | None:
    """A baseline's URL as an endpoint's is taken; a path is not changed."""
    operation = split_operation(baseline) if baseline and "://" in baseline else None
    return operation.url if operation else baseline
