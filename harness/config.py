"""Find and read the configuration: command line over environment over file over default.

The file is `aiharness.toml`, or `[tool.aiharness]` in pyproject.toml, in the folder of the call or above it up to the
project's root. Every error names file, line and key, and the nearest known key.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from harness.configfile import ConfigFile, CredentialsSection, EndpointSection, ObjectiveSection, ProfileSection
from harness.core.endpoint import TLS, Credentials, Endpoint, Secret, Template, parse_url
from harness.core.errors import ConfigError, UsageError
from harness.core.gate import Policy
from harness.core.objective import PROFILES, Objective, Profile, parse_objective
from harness.core.registry import names, unknown
from harness.core.settings import DEFAULT_SEED, Ceilings, Settings
from harness.tomlplace import line_of

FILE = "aiharness.toml"
SHORTEST_SECRET = 4


@dataclass(frozen=True, slots=True)
class Options:
    """The command line as it was given; None: not given. Names as the `--ai-…` options."""

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
    responsible: str | None = None


def settings(options: Options, environ: Mapping[str, str], folders: Sequence[Path]) -> Settings:
    """Join everything into `Settings`. `folders` are searched in order for the file.

    Raises `UsageError`, or `ConfigError` for the file's part.
    """
    place, file = read_file(options.config, folders)
    suites = _suites(options.suites or tuple(file.run.suites))
    profile = _profile(options.profile or file.run.profile, file.profile, place)
    endpoint, sources = _endpoint(options, environ, file.endpoint, place)
    return Settings(
        endpoint=endpoint,
        suites=suites,
        objectives=_objectives(file.objective, profile, suites, place),
        profile=profile,
        seed=_first(options.seed, file.run.seed, DEFAULT_SEED),
        ceilings=_ceilings(options, file),
        promises=file.promises,
        wait_ready=_positive("--ai-wait-ready", options.wait_ready),
        policy=Policy(options.inconclusive, options.allow_partial, options.accept_first),
        run_dir=options.run_dir,
        reports=tuple(_report(text) for text in options.reports),
        baseline=options.baseline,
        responsible=options.responsible or file.run.responsible,
        sources={**sources, "configuration": str(place.path) if place.path else "none"},
    )


@dataclass(frozen=True, slots=True)
class Place:
    """Where the configuration stands: for errors that name file, line and key."""

    path: Path | None = None
    text: str = ""
    prefix: tuple[str, ...] = ()

    def error(self, message: str, *keys: str | int) -> ConfigError:
        """A `ConfigError` at this key."""
        line = line_of(self.text, (*self.prefix, *keys))
        where = f"{self.path}:{line}" if line else str(self.path)
        dotted = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).lstrip(".")
        return ConfigError(message, where=where, key=dotted)


def read_file(given: str | None, folders: Sequence[Path]) -> tuple[Place, ConfigFile]:
    """The configuration file and its content; an empty one when there is none and none was named."""
    path = Path(given) if given else _find(folders)
    if path is None:
        return Place(), ConfigFile()
    try:
        text = path.read_text("utf-8")
        raw: Any = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror}); give an existing file", where=str(path)) from None
    except UnicodeDecodeError:
        raise ConfigError("is not UTF-8 text", where=str(path)) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"is not TOML: {error}", where=str(path)) from None
    prefix: tuple[str, ...] = ()
    if path.name == "pyproject.toml":
        prefix = ("tool", "aiharness")
        raw = raw.get("tool", {}).get("aiharness", {})
    place = Place(path, text, prefix)
    _check_keys(raw, ConfigFile, place, ())
    try:
        return place, msgspec.convert(raw, ConfigFile)
    except msgspec.ValidationError as error:
        message, _, at = str(error).partition(" - at `$")
        raise place.error(message, *_path_keys(at.rstrip("`"))) from None


def _find(folders: Sequence[Path]) -> Path | None:
    for folder in folders:
        if (folder / FILE).is_file():
            return folder / FILE
        project = folder / "pyproject.toml"
        if project.is_file() and b"[tool.aiharness" in project.read_bytes():
            return project
    return None


def _path_keys(at: str) -> list[str | int]:
    """`.objective[0].limit` as ["objective", 0, "limit"]."""
    parts = at.replace("[", ".[").strip(".").split(".")
    return [int(p[1:-1]) if p.startswith("[") and p[1:-1].isdigit() else p for p in parts if p and p != "[...]"]


def _check_keys(raw: Any, model: Any, place: Place, at: tuple[str | int, ...]) -> None:
    """Refuse keys that the model does not know, with the nearest one that it does."""
    args = [arg for arg in get_args(model) if arg is not type(None)]
    if get_origin(model) is list and isinstance(raw, list):
        for index, item in enumerate(raw):
            _check_keys(item, args[0], place, (*at, index))
    elif get_origin(model) is dict and isinstance(raw, dict):
        for key, item in raw.items():
            _check_keys(item, args[1], place, (*at, key))
    elif args and get_origin(model) not in (list, dict):
        _check_keys(raw, args[0], place, at)
    elif hasattr(model, "__dataclass_fields__") and isinstance(raw, dict):
        hints = get_type_hints(model)
        for key, item in raw.items():
            if key not in hints:
                raise place.error(unknown("key", key, hints), *at, key)
            _check_keys(item, hints[key], place, (*at, key))


def _suites(wanted: tuple[str, ...]) -> tuple[str, ...]:
    known = names("suites")
    if "all" in wanted:
        return known
    for name in wanted:
        if name not in known:
            raise UsageError(unknown("suite", name, (*known, "all")))
    return tuple(dict.fromkeys(wanted))


def _profile(name: str, own: Mapping[str, ProfileSection], place: Place) -> Profile:
    profiles = dict(PROFILES)
    for key, section in own.items():
        base = profiles.get(key, replace(PROFILES["release"], name=key))
        given = {field: value for field, value in vars_of(section).items() if value is not None}
        made = replace(base, **given)
        if not (0 < made.quantile < 1 and made.tolerance >= 1 and made.cap >= 1):
            raise place.error("needs 0 < quantile < 1, tolerance >= 1 and cap >= 1", "profile", key)
        profiles[key] = made
    if name not in profiles:
        raise UsageError(unknown("profile", name, profiles))
    return profiles[name]


def vars_of(section: Any) -> dict[str, Any]:
    """The fields of a slotted dataclass, shallow."""
    return {name: getattr(section, name) for name in section.__dataclass_fields__}


def _endpoint(
    options: Options, environ: Mapping[str, str], section: EndpointSection, place: Place
) -> tuple[Endpoint, dict[str, str]]:
    given = [
        (options.endpoint, "--ai-endpoint"),
        (environ.get("AIHARNESS_ENDPOINT"), "AIHARNESS_ENDPOINT"),
        (section.url, str(place.path)),
    ]
    url, source = next(((url, source) for url, source in given if url), (None, ""))
    if url is None:
        raise UsageError(
            "no endpoint: give one with --ai-endpoint=URL, in the environment variable AIHARNESS_ENDPOINT, "
            f"or as url under [endpoint] in {FILE}"
        )
    clean, inline = parse_url(url)
    protocol = options.protocol or section.protocol
    if protocol != "auto" and protocol not in names("protocols"):
        raise UsageError(unknown("protocol", protocol, (*names("protocols"), "auto")))
    credentials = _credentials(section.credentials, environ, place) or inline
    if credentials and len(credentials.secret.value) < SHORTEST_SECRET:
        raise UsageError(
            f"the credential from {credentials.source} has {len(credentials.secret.value)} characters: too short to be "
            f"kept out of every output; use one of at least {SHORTEST_SECRET}"
        )
    for name, seconds in vars_of(section.deadlines).items():
        if not seconds > 0:
            raise place.error(f"must be seconds over 0, got {seconds!r}", "endpoint", "deadlines", name)
    endpoint = Endpoint(
        url=clean,
        protocol=protocol,
        model=options.model or section.model,
        version=section.version,
        credentials=credentials,
        deadlines=section.deadlines,
        tls=TLS(*(_file(value, place) for value in vars_of(section.tls).values())),
        proxy=section.proxy,
        http2=section.http2,
        headers=tuple(section.headers.items()),
        template=_template(section.template, place),
        sample=section.sample,
    )
    return endpoint, {"endpoint": source, "credentials": credentials.source if credentials else "none"}


def _template(template: Template, place: Place) -> Template:
    if not template.path.startswith("/"):
        raise place.error(f"must start with a slash, got {template.path!r}", "endpoint", "template", "path")
    if "{{input}}" not in template.body:
        raise place.error("must hold {{input}}, where the input's JSON goes", "endpoint", "template", "body")
    return template


def _file(value: str | None, place: Place) -> str | None:
    """A file named in the configuration, relative to it."""
    return str(place.path.parent / value) if value and place.path else value


def _credentials(section: CredentialsSection | None, environ: Mapping[str, str], place: Place) -> Credentials | None:
    if section is None:
        key = environ.get("AIHARNESS_API_KEY")
        return Credentials("bearer", Secret(key), source="AIHARNESS_API_KEY") if key else None
    if section.env and section.file:
        raise place.error("give env or file, not both", "endpoint", "credentials")
    if section.file:
        path = Path(_file(section.file, place) or "")
        try:
            secret, source = path.read_text("utf-8").strip(), str(path)
        except (OSError, UnicodeDecodeError) as error:
            raise place.error(f"{path} cannot be read ({error})", "endpoint", "credentials", "file") from None
    else:
        source = section.env or "AIHARNESS_API_KEY"
        secret = environ.get(source, "")
    if not secret:
        raise place.error(f"{source} is empty or not set; put the secret there", "endpoint", "credentials")
    if any(ord(character) < 32 or ord(character) > 126 for character in secret) and section.scheme != "basic":
        raise place.error(f"the secret in {source} has characters that no header can hold", "endpoint", "credentials")
    header = section.header or ("X-API-Key" if section.scheme == "header" else "Authorization")
    return Credentials(section.scheme, Secret(secret), header=header, username=section.username, source=source)


def _objectives(
    sections: Sequence[ObjectiveSection], profile: Profile, suites: tuple[str, ...], place: Place
) -> tuple[Objective, ...]:
    found: list[Objective] = []
    for index, section in enumerate(sections):
        if section.suite not in names("suites"):
            raise place.error(unknown("suite", section.suite, names("suites")), "objective", index, "suite")
        try:
            objective = parse_objective(
                section.suite,
                section.metric,
                section.limit,
                profile,
                level=section.level,
                confidence=section.confidence,
                margin=section.margin,
                name=section.name,
            )
        except UsageError as error:
            raise place.error(str(error), "objective", index) from None
        if (section.suite, objective.slug) in {(o.suite, o.slug) for o in found}:
            raise place.error(f"a second objective named {objective.slug!r}; give each a name", "objective", index)
        found.append(objective)
    return tuple(o for o in found if o.suite in suites)


def _ceilings(options: Options, file: ConfigFile) -> Ceilings:
    return Ceilings(
        requests=_positive("--ai-max-requests", _first(options.max_requests, file.run.max_requests, None)),
        tokens=_positive("--ai-max-tokens", _first(options.max_tokens, file.run.max_tokens, None)),
        seconds=_positive("--ai-max-time", _first(options.max_time, file.run.max_time, None)),
    )


def _positive(name: str, value: Any) -> Any:
    if value is not None and not value > 0:
        raise UsageError(f"{name} must be over 0, got {value!r}")
    return value


def _report(text: str) -> tuple[str, str | None]:
    name, _, path = text.partition(":")
    if name not in names("reports"):
        raise UsageError(unknown("report format", name, names("reports")))
    return name, path or None


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def environment() -> Mapping[str, str]:
    """The process's environment, read in one place."""
    return os.environ
