"""The sections of the configuration that single suites read: their own, data and links."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from harness.config.endpoint import check_options
from harness.config.file import ConfigSource
from harness.config.sections import DataSection, LinkSection, PlatformSection, SuiteSection
from harness.core.array_shape import reshape
from harness.core.arrival_settings import REPLAY
from harness.core.attack_settings import AttackSettings
from harness.core.dataset import Dataset, Facets
from harness.core.endpoint import Endpoint, Template
from harness.core.errors import UsageError
from harness.core.experiment import Link
from harness.core.json_path import nest_fields
from harness.core.load_settings import LoadSettings
from harness.core.local_model import LocalModel
from harness.core.objective import Objective
from harness.core.platform_action import Replica
from harness.core.registry import describe_unknown, list_plugins
from harness.core.relation import Relation
from harness.core.settings import DataSettings
from harness.core.stored_finding import StoredFinding
from harness.core.suite_policy import find_policy
from harness.core.tolerance import Tolerance
from harness.core.url_parsing import parse_url
from harness.core.workload import WorkloadSettings
from harness.io.finding_file import read_findings
from harness.io.user_function import make_rows_file, names_function

_W = TypeVar("_W", bound=WorkloadSettings)
_ONE_ROW = re.compile(r"\[\s*\{\{input\}\}\s*\]")
"""A body in which one row stands in a list."""


def resolve_suite_endpoints(
    sections: Mapping[str, SuiteSection], endpoint: Endpoint, suites: tuple[str, ...], source: ConfigSource
) -> Mapping[str, Endpoint]:
    """The endpoint of each wanted suite that has a section of its own. Raises `ConfigError`."""
    protocols = (*list_plugins("protocols"), "auto")
    endpoints = {}
    for name, section in sections.items():
        source.check_known("suite", name, list_plugins("suites"), "suite", name)
        source.check_known("protocol", section.protocol or "auto", protocols, "suite", name, "protocol")
        if name not in suites:
            continue
        options = check_options(section.options or {}, source, "suite", name, "options")
        base = endpoint
        if section.protocol or section.sample is not None:  # they are about the sample of [endpoint]
            base = replace(endpoint, other_samples=(), expect=None)
        if section.protocol:  # the sample, the model and the options of [endpoint] are those of its own protocol
            endpoint_of_suite = replace(
                base,
                protocol=section.protocol,
                model=section.model or None,
                sample=section.sample,
                options=options,
            )
        else:
            sample = endpoint.sample if section.sample is None else section.sample
            if section.options is None:
                options = endpoint.options
            model = section.model or endpoint.model
            endpoint_of_suite = replace(base, model=model, sample=sample, options=options)
        endpoints[name] = endpoint_of_suite
    return endpoints


def choose_task(section: DataSection, objectives: Iterable[Objective]) -> DataSection:
    """The section with its task; where it states none, that of its objectives' metrics, if all need the same answers.

    Whole numbers as labels may be classes or amounts: `mae` shows which.
    """
    names = {objective.metric for objective in objectives if objective.suite == "validation"}
    if section.task or not section.file or not names:
        return section
    from harness.metrics.quality_metric import list_metrics  # numpy: only for those who have data

    needs = {need for quality in list_metrics() if quality.metric.name in names for need in quality.needs}
    if needs == {"numbers"}:
        return replace(section, task="regression")
    return replace(section, task="embedding") if needs == {"vectors"} else section


def read_data_settings(section: DataSection, suites: tuple[str, ...], source: ConfigSource) -> DataSettings | None:
    """Read the data files that the wanted suites use. Raises `ConfigError` that names file and row."""
    tolerance = read_tolerance(section, source)
    _check_shape(section, source)
    if not is_read("data", suites) or not (section.file or section.golden):
        return None

    facets = Facets(
        tuple(section.slices),
        tuple(section.sensitive),
        section.weight,
        section.task,
        tuple(section.classes),
        section.time,
    )

    def read_data_file(key: str, name: str | None, **more: Any) -> Dataset | None:
        from harness.io.dataset import read_dataset  # numpy: only for those who have data

        if name is None:
            return None
        label, shape = section.label * section.labelled, tuple(section.shape)
        shared = {"inputs": tuple(section.inputs), "label": label, "missing": section.missing, **more}
        if names_function(name):
            with source.locate_errors("data", key), make_rows_file(name, f"[data] {key}") as rows:
                return read_dataset(rows, **shared, shape=shape)
        path = source.find_file(name, "data", key)
        with source.locate_errors("data", key):
            return read_dataset(path, **shared, shape=shape)

    columns: dict[str, Any] = {"group": section.group, "types": section.types, "facets": facets}
    data = read_data_file("file", section.file, labels=section.labels, **columns)
    golden, training = read_data_file("golden", section.golden), None
    if data is not None and {"validation", "adversarial"} & set(suites):
        if data.names and (section.training or "").endswith((".csv", ".parquet")):
            columns = {"inputs": data.names}
        training = read_data_file("training", section.training, **columns)
        _check_training(training, data, source)
    for index, group in enumerate(section.leave_out):
        known = data.list_slices() if data else []
        if any(part not in known for part in group.split(" and ")):
            raise source.error(describe_unknown("group", group, known), "data", "leave_out", index)
    return DataSettings(
        data,
        golden,
        tolerance,
        section.slice_margin,
        section.smallest_group,
        tuple(section.leave_out),
        section.baseline_margin,
        section.changed_limit,
        training,
        section.leak_limit,
        section.time_margin,
        section.retries,
        source.resolve_path(section.resume),
    )


def _check_shape(section: DataSection, source: ConfigSource) -> None:
    if any(length < 1 for length in section.shape):
        raise source.error(f"every length must be over 0, got {section.shape!r}", "data", "shape")


def _check_training(training: Dataset | None, data: Dataset, source: ConfigSource) -> None:
    """Refuse training data that are the holdout itself, or whose rows have another form."""
    if training is None:
        return
    if training.digest == data.digest:
        raise source.error(
            "is the file of the holdout itself; give the data that the model learned from", "data", "training"
        )
    forms = [type(rows.inputs[0]).__name__ for rows in (data, training)]
    if forms[0] == forms[1] == "list":
        forms = [f"{len(rows.inputs[0])} numbers" for rows in (data, training)]
    if forms[0] != forms[1]:
        problem = f"has rows of {forms[1]}, and [data] file rows of {forms[0]}: name the columns in [data] inputs"
        raise source.error(problem, "data", "training")


def choose_data_sample(data: DataSettings | None, template: Template) -> Any:
    """The first row of the data in the form that the template wants; None where that is not known."""
    source = data.dataset if data else None
    if source is None or isinstance(source.inputs[0], str) or not template.is_json:
        return None
    row = source.inputs[0]
    if isinstance(row, list) and source.shape:
        row = reshape(row, source.shape)
    if template.body == Template().body:
        return [row]
    if _ONE_ROW.search(template.body):
        return row
    if "{{input}}" in template.body:
        return None
    if isinstance(row, list) and source.names:
        return nest_fields(dict(zip(source.names, row, strict=True)))
    return row


def read_tolerance(section: DataSection, source: ConfigSource) -> Tolerance:
    """The tolerance of golden numbers. Raises `ConfigError` for values that are no tolerance."""
    absolute, relative = section.atol, section.rtol
    if section.tolerance is not None:
        if absolute is not None or relative is not None:
            raise source.error("give either tolerance, or atol and rtol", "data", "tolerance")
        absolute = relative = section.tolerance
    return Tolerance(absolute, relative, section.ulp, section.cosine)


def read_reference(section: LocalModel | None, suites: tuple[str, ...], source: ConfigSource) -> LocalModel | None:
    """The local reference with its places found. Raises `ConfigError` for a file that is not there or not trusted."""
    if section is None or not is_read("data", suites):
        return None
    if problem := section.find_problem():
        raise source.error(problem[1], "reference", problem[0])
    file, folder = section.file, str(Path(source.resolve_path(section.folder) or ".").resolve())
    if section.kind != "function":
        file = str(source.find_file(file, "reference", "file").resolve())
    elif file.rpartition(":")[0].endswith(".py"):
        place, _, name = file.rpartition(":")
        file = f"{source.find_file(place, 'reference', 'file').resolve()}:{name}"
    python = section.python
    if python is not None and "/" in python:
        python = str(Path(source.resolve_path(python) or python).absolute())
    return replace(section, file=file, folder=folder, python=python)


def read_relations(
    sections: Sequence[Relation], data: DataSettings | None, suites: tuple[str, ...], source: ConfigSource
) -> tuple[Relation, ...]:
    """The relations, none where no wanted suite reads data. Raises `ConfigError`, also for features not in the data."""
    names = [relation.slug for relation in sections]
    for index, relation in enumerate(sections):
        if problem := relation.find_problem():
            raise source.error(problem[1], "relation", index, problem[0])
        if names.index(relation.slug) < index:
            raise source.error(f"there are two relations {relation.title!r}; give each a name", "relation", index)
        if data and data.dataset:
            with source.locate_errors("relation", index, "features"):
                data.dataset.find_features(relation.features)
    return tuple(sections) if is_read("data", suites) else ()


def complete_sections(
    configured: Mapping[str, Any], suites: tuple[str, ...], source: ConfigSource
) -> Mapping[str, Any]:
    """The suites' own sections, with the defaults of the wanted suites that always have one.

    Raises `ConfigError` for values that do not fit together, and for a module that is not installed.
    """
    sections = dict(configured)
    for name in suites:
        section = find_policy(name).section
        if section and section.always and name not in sections:
            sections[name] = section.record()
    for name, record in configured.items():
        find_problem = getattr(record, "find_problem", None)
        if find_problem and (problem := find_problem()):
            keys = [int(key) if key.isdecimal() else key for key in problem[0].split(".")]
            raise source.error(problem[1], name, *keys)
        if isinstance(record, AttackSettings):
            sections[name] = record.locate(source.resolve_path)
        if isinstance(record, LoadSettings):
            located = _locate_datasets(record, name, source)
            with source.locate_errors(name, "dataset"):
                sections[name] = read_times(located)
        declared = find_policy(name).section
        assert declared is not None
        for module, package in declared.requires.items():
            check_installed(module, package, source, name)
    return sections


def read_known_findings(sections: Mapping[str, Any], source: ConfigSource) -> tuple[StoredFinding, ...]:
    """The findings of earlier runs that `[adversarial] corpus` names. Raises `ConfigError`."""
    for name, record in sections.items():
        if isinstance(record, AttackSettings) and record.corpus is not None:
            with source.locate_errors(name, "corpus"):
                return read_findings(Path(record.corpus))
    return ()


def _locate_datasets(load: LoadSettings, name: str, source: ConfigSource) -> LoadSettings:
    """The load with the paths of its files, each read once so that a mistake in it is one in the configuration."""
    from harness.io.prompt_file import read_prompt_file

    def locate(settings: _W, *keys: str | int) -> _W:
        if settings.dataset is None:
            return settings
        path = source.find_file(settings.dataset, *keys, "dataset")
        with source.locate_errors(*keys, "dataset"):
            read_prompt_file(path, settings.column)
        return replace(settings, dataset=str(path))

    parts = [locate(part, name, "mix", index) for index, part in enumerate(load.mix)]
    return replace(locate(load, name), mix=parts)


def read_times(load: LoadSettings) -> LoadSettings:
    """A replay with the times of its trace within its duration, which ends with the trace if that is shorter.

    Raises `UsageError`, with the file and the line where there is one.
    """
    from harness.io.prompt_file import read_prompt_file

    if load.shape_name != REPLAY or load.times or load.dataset is None:
        return load
    load = load.take_trace(read_prompt_file(Path(load.dataset), load.column))
    if problem := load.find_schedule_problem():
        raise UsageError(f"the trace gives no load: {problem[0]} {problem[1]}")
    return load


def read_links(sections: Mapping[str, LinkSection], source: ConfigSource) -> tuple[Link, ...]:
    """The links as configured. Raises `ConfigError` for an api that is not a URL."""
    links = []
    for name, section in sections.items():
        with source.locate_errors("links", name, "api"):
            parse_url(section.api, "Toxiproxy's API")
        if (section.listen is None) != (section.upstream is None):
            example = 'listen = "127.0.0.1:9000" and upstream = "127.0.0.1:8000"'
            raise source.error(f"give both listen and upstream, or neither, like {example}", "links", name)
        links.append(Link(name, section.api.rstrip("/"), section.proxy or name, section.listen, section.upstream))
    return tuple(links)


def read_platform(sections: Mapping[str, PlatformSection], source: ConfigSource) -> tuple[Replica, ...]:
    """The replicas as configured. Raises `ConfigError` for values that do not fit together."""
    replicas = []
    for name, section in sections.items():
        if section.pid is not None and section.pid_file is not None:
            raise source.error("give either pid or pid_file", "platform", name, "pid")
        names = ("kill", "stop", "pause", "drain", "restart", "start", "resume")
        lists = {action: tuple(getattr(section, action)) for action in names}
        commands = {action: argv for action, argv in lists.items() if argv}
        for action, argv in commands.items():
            if not argv[0].strip():
                raise source.error("the first text must be a command", "platform", name, action)
        pid_file = source.resolve_path(section.pid_file)
        replicas.append(Replica(name, commands, section.pid, pid_file, section.deadline, section.serves))
    return tuple(replicas)


def is_read(section: str, suites: tuple[str, ...]) -> bool:
    """Whether one of these suites reads the section."""
    return any(section in find_policy(suite).reads for suite in suites)


def check_installed(module: str, package: str, source: ConfigSource, section: str) -> None:
    """Raises `ConfigError` that says what to install."""
    if importlib.util.find_spec(module) is None:
        raise source.error(f"needs the package {module}: pip install '{package}'", section)
