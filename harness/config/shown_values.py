"""`aiharness gate --show-config`: every value of the configuration with its source.

Tested in tests/config/test_shown_values.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from harness.config.file import ConfigSource, read_file
from harness.config.options import Options
from harness.config.resolve import resolve_settings
from harness.config.sections import ConfigFile
from harness.config.toml_lines import find_line
from harness.core.redaction import redact_text
from harness.core.settings import Settings

_OF_THE_FILE = {
    "suites": ("run", "suites"),
    "profile": ("run", "profile"),
    "seed": ("run", "seed"),
    "responsible": ("run", "responsible"),
    "max_requests": ("run", "max_requests"),
    "max_tokens": ("run", "max_tokens"),
    "max_time": ("run", "max_time"),
    "protocol": ("endpoint", "protocol"),
    "model": ("endpoint", "model"),
}
"""Options of the command line that win over a key of the file."""

_Keys = tuple[str | int, ...]
_NOT_A_DEFAULT = object()
"""Stands for the default of a key that its user has named, as in a table of headers."""


def describe_values(options: Options, environ: Mapping[str, str], folders: Sequence[Path]) -> list[str]:
    """A line for each value: key, value, source. Secrets are left out.

    Raises what `resolve_settings` raises: only a configuration that can be run is shown.
    """
    settings = resolve_settings(options, environ, folders)
    source, file, sections = read_file(options.config, folders, options.extra_config, options.experiments)
    origins = settings.sources
    lines = [f"configuration: {source.describe_main()}", ""]
    lines.append(_format_line(("endpoint", "url"), settings.endpoint.url, origins.get("endpoint", "default")))
    lines.append(_format_line(("endpoint", "credentials"), "***", origins.get("credentials", "none")))
    profile = settings.profile
    other_profiles = {name: own for name, own in file.profile.items() if name != profile.name}
    lines += _describe_file(options, source, replace(file, profile=other_profiles), sections)
    for field in fields(profile):
        key, value = ("profile", profile.name, field.name), getattr(profile, field.name)
        if field.name != "name":
            lines.append(_format_line(key, value, _find_source(source, key, value, None) or "the shipped profile"))
    lines += _describe_command_line(options)
    for name in sorted(environ):
        if name.startswith("AIHARNESS_"):
            shown = environ[name] if name == "AIHARNESS_ENDPOINT" else "***"
            lines.append(f"{name} = {shown!r}  # environment")
    return _redact(lines, settings)


def _redact(lines: list[str], settings: Settings) -> list[str]:
    return redact_text("\n".join(lines), settings.list_secrets()).split("\n")


def _describe_file(
    options: Options, source: ConfigSource, file: ConfigFile, sections: Mapping[str, Any]
) -> Iterator[str]:
    """The values of the file and the defaults of what it leaves out."""
    winners = {keys: name for name, keys in _OF_THE_FILE.items() if getattr(options, name) not in (None, ())}
    defaults = dict(_flatten(msgspec.to_builtins(ConfigFile()), ()))
    for name, record in sections.items():
        if is_dataclass(record):
            defaults |= dict(_flatten(_build_defaults(type(record)), (name,)))
    values: dict[str, Any] = msgspec.to_builtins(file) | {
        name: msgspec.to_builtins(record) for name, record in sections.items()
    }
    for keys, value in _flatten(values, ()):
        if keys in (("endpoint", "url"), ("endpoint", "credentials")):
            continue
        unknown = None if any(isinstance(key, int) for key in keys) else _NOT_A_DEFAULT
        where = _find_source(source, keys, value, defaults.get(keys, unknown))
        if keys in winners:
            option = winners[keys]
            over = f", over {where}" if where else ""
            name = option.replace("suites", "suite").replace("_", "-")
            yield _format_line(keys, getattr(options, option), f"--ai-{name}{over}")
        elif where or value not in (None, [], {}):
            yield _format_line(keys, value, where or "default")


def _build_defaults(record: type[Any]) -> Any:
    """What a suite's own section is where the file has none of its keys; nothing where a key must be given."""
    try:
        return msgspec.to_builtins(record())
    except TypeError:
        return {}


def _flatten(value: Any, at: _Keys) -> Iterator[tuple[_Keys, Any]]:
    """The values below tables and lists of tables, each with its keys."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _flatten(item, (*at, key.removesuffix("_")))
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for index, item in enumerate(value):
            yield from _flatten(item, (*at, index))
    else:
        yield at, value


def _find_source(source: ConfigSource, keys: _Keys, value: Any, default: Any) -> str:
    """File and line of a value that the file gives; empty for one that it leaves out."""
    own, parent = (find_line(source.text, (*source.prefix, *part)) for part in (keys, keys[:-1]))
    is_given = own is not None and own != parent
    if not is_given and (default is None or value == default):
        return ""
    return source.error("", *keys).where


def _describe_command_line(options: Options) -> Iterator[str]:
    """The options that no key of the file has."""
    for field in fields(options):
        value = getattr(options, field.name)
        if value != field.default and field.name not in (*_OF_THE_FILE, "endpoint", "all_suites"):
            name = f"--ai-{field.name.replace('_', '-').replace('reports', 'report')}"
            yield f"{name} = {value!r}  # command line"


def _format_line(keys: _Keys, value: Any, where: str) -> str:
    dotted = ""
    for key in keys:
        dotted += f"[{key}]" if isinstance(key, int) else f".{key}"
    return f"{dotted.lstrip('.')} = {value!r}  # {where}"
