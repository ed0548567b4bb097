"""Find and read the configuration: command line over environment over file over default.

The file is `aiharness.toml`, or `[tool.aiharness]` in pyproject.toml, in the folder of the call or above it up to the
project's root. Every error names file, line and key, and the nearest known key.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from harness.config.credentials import check_secret, read_credentials
from harness.config.file import CONFIG_FILE, ConfigSource, read_file
from harness.config.sections import ConfigFile, EndpointSection, ObjectiveSection, ProfileSection
from harness.config.suite_sections import (
    complete_sections,
    read_data_settings,
    read_faults,
    read_links,
    resolve_suite_endpoints,
)
from harness.core.endpoint import MIN_SECRET_LENGTH, TLS, Endpoint, Signer, Template, parse_url
from harness.core.errors import UsageError
from harness.core.gate import Policy
from harness.core.objective import PROFILES, Objective, Profile
from harness.core.objective_parser import parse_objective
from harness.core.registry import describe_unknown, list_plugins
from harness.core.settings import DEFAULT_SEED, MOST_REPLICAS, Ceilings, Promises, Settings
from harness.core.suite_policy import sort_suites

_EXTRAS = {"property": ("hypothesis", "hypothesis_jsonschema")}
"""Optional extras that a check may need as its ground, with the modules that each installs; none is imported here."""


@dataclass(frozen=True, slots=True)
class Options:
    """The command line as it was given; None: not given. Names as the `--ai-…` options.

    `all_suites`: every suite where neither the command line nor the file names any.
    """

    suites: tuple[str, ...] = ()
    endpoint: str | None = None
    protocol: str | None = None
    model: str | None = None
    config: str | None = None
    run_dir: str | None = None
    profile: str | None = None
    seed: int | None = None
    max_requests: int | None = None
    max_tokens: int | None = None
    max_time: float | None = None
    wait_ready: float | None = None
    reports: tuple[str, ...] = ()
    baseline: str | None = None
    inconclusive: str | None = None
    allow_partial: bool = False
    accept_first: bool = False
    all_suites: bool = False
    responsible: str | None = None


def resolve_settings(options: Options, environ: Mapping[str, str], folders: Sequence[Path]) -> Settings:
    """Join everything into `Settings`. `folders` are searched in order for the file.

    Raises `UsageError`, or `ConfigError` for the file's part.
    """
    place, file, sections = read_file(options.config, folders)
    with place.blamed(options.suites, "run", "suites"):
        suites = _suites(options.suites or tuple(file.run.suites) or (("all",) if options.all_suites else ()))
    with place.blamed(options.profile, "run", "profile"):
        profile = _profile(options.profile or file.run.profile, file.profile, place)
    endpoint, sources = _endpoint(options, environ, file.endpoint, place)
    return Settings(
        endpoint=endpoint,
        suites=suites,
        objectives=_objectives(file.objective, profile, suites, place),
        profile=profile,
        seed=_first(options.seed, file.run.seed, DEFAULT_SEED),
        ceilings=_ceilings(options, file),
        promises=_promises(file.promises, place),
        others=resolve_suite_endpoints(file.suite, endpoint, suites, place),
        data=read_data_settings(file.data, suites, place),
        sections=complete_sections(sections, suites, place),
        links=read_links(file.links, place),
        faults=read_faults(file, suites, place),
        allow=tuple(file.targets.allow),
        wait_ready=_positive("--ai-wait-ready", options.wait_ready),
        policy=Policy(options.inconclusive, options.allow_partial, options.accept_first),
        run_dir=options.run_dir,
        reports=tuple(_report(text) for text in options.reports),
        baseline=options.baseline,
        responsible=options.responsible or file.run.responsible,
        sources={**sources, "configuration": str(place.path) if place.path else "none"},
        extras=tuple(name for name, needed in _EXTRAS.items() if all(map(find_spec, needed))),
    )


def _suites(wanted: tuple[str, ...]) -> tuple[str, ...]:
    known = list_plugins("suites")
    if "all" in wanted:
        return sort_suites(known)
    for name in wanted:
        if name not in known:
            raise UsageError(describe_unknown("suite", name, (*known, "all")))
    return tuple(dict.fromkeys(wanted))


def _profile(name: str, own: Mapping[str, ProfileSection], place: ConfigSource) -> Profile:
    profiles = dict(PROFILES)
    for key, section in own.items():
        base = profiles.get(key, replace(PROFILES["release"], name=key))
        given = {field: value for field, value in asdict(section).items() if value is not None}
        made = replace(base, **given)
        if not (0 < made.quantile < 1 and made.tolerance >= 1 and made.cap >= 1):
            raise place.error("needs 0 < quantile < 1, tolerance >= 1 and cap >= 1", "profile", key)
        profiles[key] = made
    if name not in profiles:
        raise UsageError(describe_unknown("profile", name, profiles))
    return profiles[name]


def _endpoint(
    options: Options, environ: Mapping[str, str], section: EndpointSection, place: ConfigSource
) -> tuple[Endpoint, dict[str, str]]:
    given = [
        (options.endpoint, "--ai-endpoint"),  # an empty one is wrong, not absent: CI's variable was not set
        (environ.get("AIHARNESS_ENDPOINT") or None, "AIHARNESS_ENDPOINT"),
        (section.url, str(place.path)),
    ]
    url, source = next(((url, source) for url, source in given if url is not None), (None, ""))
    if url is None:
        raise UsageError(
            "no endpoint: give one with --ai-endpoint=URL, in the environment variable AIHARNESS_ENDPOINT, "
            f"or as url under [endpoint] in {CONFIG_FILE}"
        )
    with place.blamed(source != str(place.path), "endpoint", "url"):
        clean, inline = parse_url(url)
    protocol = options.protocol or section.protocol
    if protocol != "auto" and protocol not in list_plugins("protocols"):
        with place.blamed(options.protocol, "endpoint", "protocol"):
            raise UsageError(describe_unknown("protocol", protocol, (*list_plugins("protocols"), "auto")))
    credentials = inline or read_credentials(section.credentials, environ, place)
    if credentials:
        check_secret(credentials)
    endpoint = Endpoint(
        url=clean,
        protocol=protocol,
        model=options.model or section.model,
        version=section.version,
        credentials=credentials,
        deadlines=section.deadlines,
        tls=TLS(*(place.file(value) for value in asdict(section.tls).values())),
        proxy=_proxy(section.proxy, place),
        http2=section.http2,
        headers=tuple(section.headers.items()),
        template=_template(section.template, place),
        sample=_sample(section, place),
        prefix=_prefix(section.prefix, place),
        binary=section.binary,
        unix_socket=_unix_socket(section, place),
        replicas=_replicas(section.replicas, place),
        signer=_signer(section.sign, place),
    )
    return endpoint, {"endpoint": source, "credentials": credentials.source if credentials else "none"}


def _template(template: Template, place: ConfigSource) -> Template:
    for each, at in ((template, ()), (template.stream, ("stream",))):
        if each and each.path is not None and not each.path.startswith("/"):
            raise place.error(f"must start with a slash, got {each.path!r}", "endpoint", "template", *at, "path")
        if each and each.body is not None and "{{input}}" not in each.body:
            raise place.error(
                "must contain {{input}}, where the input's JSON goes", "endpoint", "template", *at, "body"
            )
    return template


def _proxy(proxy: str | None, place: ConfigSource) -> str | None:
    """The proxy's URL, unchanged; the transport reports anything else that is wrong with it."""
    try:
        password = urlsplit(proxy or "").password
    except ValueError:
        raise place.error("is not a URL; give one like http://host:3128", "endpoint", "proxy") from None
    if password is not None and len(password) < MIN_SECRET_LENGTH:
        raise place.error(f"its password is shorter than {MIN_SECRET_LENGTH} characters", "endpoint", "proxy")
    return proxy


def _sample(section: EndpointSection, place: ConfigSource) -> Any:
    """The sample as it is, or a file's bytes in base64."""
    if section.sample_file is None:
        return section.sample
    if section.sample is not None:
        raise place.error("give sample or sample_file, not both", "endpoint", "sample_file")
    try:
        return base64.b64encode(Path(place.file(section.sample_file) or "").read_bytes()).decode("ascii")
    except OSError as error:
        raise place.error(f"cannot be read ({error.strerror})", "endpoint", "sample_file") from None


def _prefix(given: str | None, place: ConfigSource) -> str | None:
    if given and (not given.startswith("/") or given.endswith("/")):
        raise place.error(f"must be empty or like /openai/v1, got {given!r}", "endpoint", "prefix")
    return given


def _unix_socket(section: EndpointSection, place: ConfigSource) -> str | None:
    if section.unix_socket and section.proxy:
        raise place.error("give a proxy or a unix socket, not both", "endpoint", "unix_socket")
    return place.file(section.unix_socket)


def _replicas(given: Sequence[str], place: ConfigSource) -> tuple[str, ...]:
    if len(given) > MOST_REPLICAS:
        raise place.error(f"lists {len(given)} URLs; at most {MOST_REPLICAS} are compared", "endpoint", "replicas")
    found = []
    for index, text in enumerate(given):
        with place.blamed(None, "endpoint", "replicas", index):
            url, inline = parse_url(text)
        if inline:
            raise place.error("has credentials of its own; replicas get the endpoint's", "endpoint", "replicas", index)
        found.append(url)
    return tuple(found)


def _signer(given: str | None, place: ConfigSource) -> Signer | None:
    if given is None:
        return None
    file, _, function = given.rpartition(":")
    if not file.endswith(".py") or not function.isidentifier():
        raise place.error(f"must be FILE.py:FUNCTION, got {given!r}", "endpoint", "sign")
    return Signer(place.file(file) or "", function)


def _objectives(
    sections: Sequence[ObjectiveSection], profile: Profile, suites: tuple[str, ...], place: ConfigSource
) -> tuple[Objective, ...]:
    found: list[Objective] = []
    for index, section in enumerate(sections):
        place.among("suite", section.suite, list_plugins("suites"), "objective", index, "suite")
        with place.blamed(None, "objective", index):
            objective = parse_objective(profile=profile, **asdict(section))
        if (section.suite, objective.slug) in {(o.suite, o.slug) for o in found}:
            raise place.error(f"a second objective named {objective.slug!r}; give each a name", "objective", index)
        found.append(objective)
    return tuple(o for o in found if o.suite in suites)


def _ceilings(options: Options, file: ConfigFile) -> Ceilings:
    return Ceilings(
        _first(_positive("--ai-max-requests", options.max_requests), file.run.max_requests),
        _first(_positive("--ai-max-tokens", options.max_tokens), file.run.max_tokens),
        _first(_positive("--ai-max-time", options.max_time), file.run.max_time),
    )


def _promises(promises: Promises, place: ConfigSource) -> Promises:
    for name in ("request_id", "idempotency"):
        value = getattr(promises, name)
        if value is not None and not re.fullmatch(r"[A-Za-z0-9-]+", value):
            raise place.error(f"must be the name of a header, got {value!r}", "promises", name)
    return promises


def _positive(name: str, value: Any) -> Any:
    if value is not None and not value > 0:
        raise UsageError(f"{name} must be over 0, got {value!r}")
    return value


def _report(text: str) -> tuple[str, str | None]:
    name, _, path = text.partition(":")
    if name not in list_plugins("reports"):
        raise UsageError(describe_unknown("report format", name, list_plugins("reports")))
    return name, path or None


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)
