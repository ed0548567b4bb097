"""The sections of the configuration that single suites read: their own, data, links and faults."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from harness.config.file import ConfigSource
from harness.config.sections import ConfigFile, DataSection, LinkSection, SuiteSection
from harness.core.dataset import Dataset
from harness.core.endpoint import Endpoint
from harness.core.experiment import Fault, Link
from harness.core.fault import load_fault
from harness.core.plan import make_slug
from harness.core.registry import list_plugins
from harness.core.settings import DataSettings
from harness.core.suite_policy import find_policy


def resolve_suite_endpoints(
    sections: Mapping[str, SuiteSection], endpoint: Endpoint, suites: tuple[str, ...], place: ConfigSource
) -> Mapping[str, Endpoint]:
    """The endpoint of each wanted suite that has a section of its own. Raises `ConfigError`."""
    found = {}
    for name, section in sections.items():
        place.among("suite", name, list_plugins("suites"), "suite", name)
        place.among(
            "protocol", section.protocol or "auto", (*list_plugins("protocols"), "auto"), "suite", name, "protocol"
        )
        if name in suites:
            found[name] = replace(
                endpoint,
                protocol=section.protocol or endpoint.protocol,
                model=section.model or (None if section.protocol else endpoint.model),
                sample=section.sample if section.sample is not None or section.protocol else endpoint.sample,
            )
    return found


def read_data_settings(section: DataSection, suites: tuple[str, ...], place: ConfigSource) -> DataSettings | None:
    """Read the data files that the wanted suites use. Raises `ConfigError` that names file and row."""
    if not _is_read("data", suites) or not (section.file or section.golden):
        return None
    if not section.tolerance >= 0:
        raise place.error(f"must be 0 or more, got {section.tolerance!r}", "data", "tolerance")
    if any(length < 1 for length in section.shape):
        raise place.error(f"every length must be over 0, got {section.shape!r}", "data", "shape")

    def read(key: str, given: str | None) -> Dataset | None:
        from harness.io.dataset import read_dataset  # numpy: only for those who have data

        if given is None:
            return None
        with place.blamed(None, "data", key):
            return read_dataset(
                Path(place.file(given) or ""),
                label=section.label,
                inputs=tuple(section.inputs),
                group=section.group if key == "file" else None,
                shape=tuple(section.shape),
            )

    return DataSettings(read("file", section.file), read("golden", section.golden), section.tolerance)


def complete_sections(configured: Mapping[str, Any], suites: tuple[str, ...], place: ConfigSource) -> Mapping[str, Any]:
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
            raise place.error(problem[1], name, problem[0])
        declared = find_policy(name).section
        assert declared is not None
        for module, package in declared.requires.items():
            _check_installed(module, package, place, name)
    return sections


def read_links(sections: Mapping[str, LinkSection], place: ConfigSource) -> tuple[Link, ...]:
    """The links as configured. Raises `ConfigError` for an api that is not a URL."""
    found = []
    for name, section in sections.items():
        parts = urlsplit(section.api)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise place.error(
                f"must be the URL of a Toxiproxy API, like http://127.0.0.1:8474, got {section.api!r}",
                "links", name, "api",
            )  # fmt: skip
        if (section.listen is None) != (section.upstream is None):
            raise place.error("give listen and upstream both, or neither", "links", name)
        found.append(Link(name, section.api.rstrip("/"), section.proxy or name, section.listen, section.upstream))
    return tuple(found)


def read_faults(file: ConfigFile, suites: tuple[str, ...], place: ConfigSource) -> tuple[Fault, ...]:
    """The faults as configured; none if no wanted suite reads them. Raises `ConfigError`."""
    found: list[Fault] = []
    for index, section in enumerate(file.fault):
        place.among("link", section.link, file.links, "fault", index, "link")
        place.among("fault", section.kind, list_plugins("faults"), "fault", index, "kind")
        if not 0 < section.toxicity <= 1:
            raise place.error(f"must be over 0 and at most 1, got {section.toxicity!r}", "fault", index, "toxicity")
        name = section.name or f"{section.kind} on {section.link}"
        if make_slug(name) in {make_slug(f.name) for f in found}:
            raise place.error(f"a second fault named {name!r}; give each a name", "fault", index, "name")
        with place.blamed(None, "fault", index, "kind"):
            kind = load_fault(section.kind)
        if section.stream not in kind.streams:
            streams = " or ".join(kind.streams)
            raise place.error(f"must be {streams} for {kind.name}, got {section.stream!r}", "fault", index, "stream")
        with place.blamed(None, "fault", index, "attributes"):
            parameters = kind.parse(section.attributes)
        found.append(replace(section, name=name, attributes=asdict(parameters)))
    if not _is_read("fault", suites):
        return ()
    if found:
        _check_installed("toxiproxy", "aiharness[chaos]", place, "fault")
    return tuple(found)


def _is_read(section: str, suites: tuple[str, ...]) -> bool:
    return any(section in find_policy(suite).reads for suite in suites)


def _check_installed(module: str, package: str, place: ConfigSource, section: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise place.error(f"needs {module}: pip install '{package}'", section)
