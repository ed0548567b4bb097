"""Find and read the configuration file. Every error in it names file, line and key, and the nearest known key.

Tested in tests/config/test_resolve.py.
"""

from __future__ import annotations

import contextlib
import math
import re
import tomllib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from harness.config.sections import ConfigFile
from harness.config.toml_lines import find_line
from harness.core.bounds import OVER_ZERO
from harness.core.errors import ConfigError, UsageError
from harness.core.registry import describe_unknown, list_plugins
from harness.core.suite_policy import Section, find_policy, list_sections

_T = TypeVar("_T")

CONFIG_FILE = "aiharness.toml"


@dataclass(frozen=True, slots=True)
class ConfigSource:
    """The configuration file and its text, for errors that name file, line and key.

    `prefix` leads to the configuration in a file that holds other tables too.
    """

    path: Path | None = None
    text: str = ""
    prefix: tuple[str, ...] = ()

    def error(self, message: str, *keys: str | int) -> ConfigError:
        """A `ConfigError` at this key."""
        line = find_line(self.text, (*self.prefix, *keys))
        where = f"{self.path}:{line}" if line else str(self.path)
        dotted = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).lstrip(".")
        return ConfigError(message, where=where, key=dotted)

    def check_known(self, what: str, given: str, known: Collection[str], *keys: str | int) -> None:
        """Raise `ConfigError` for a name that is not known; the error suggests the nearest known one."""
        if given not in known:
            raise self.error(describe_unknown(what, given, known), *keys)

    def resolve_path(self, value: str | None) -> str | None:
        """The path of a file that the configuration names relative to itself."""
        return str(self.path.parent / value) if value and self.path else value

    @contextlib.contextmanager
    def locate_errors(self, *keys: str | int, given_elsewhere: object = None) -> Iterator[None]:
        """Name file, line and key in a `UsageError` about a value, unless the value was given elsewhere."""
        try:
            yield
        except UsageError as error:
            if given_elsewhere or self.path is None or isinstance(error, ConfigError):
                raise
            raise self.error(str(error), *keys) from None


def read_file(given: str | None, folders: Sequence[Path]) -> tuple[ConfigSource, ConfigFile, dict[str, Any]]:
    """The configuration file, its content, and the suites' own sections in it, by suite.

    All are empty when there is no file and none was named.
    """
    path = Path(given) if given else _find_file(folders)
    if path is None:
        return ConfigSource(), ConfigFile(), {}
    try:
        text = path.read_text("utf-8-sig")
        raw: Any = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror}); give an existing file", where=str(path)) from None
    except UnicodeDecodeError:
        raise ConfigError("is not UTF-8 text; save it as UTF-8", where=str(path)) from None
    except (ValueError, RecursionError) as error:  # TOMLDecodeError, numbers and nesting beyond Python's limits
        raise ConfigError(f"is not TOML: {error}", where=str(path)) from None
    prefix: tuple[str, ...] = ()
    if path.name == "pyproject.toml":
        prefix = ("tool", "aiharness")
        tool = raw.get("tool")
        raw = tool.get("aiharness", {}) if isinstance(tool, dict) else {}
    source = ConfigSource(path, text, prefix)
    own = _find_own_sections(raw, source)
    sections = {name: _convert(raw.pop(name), section.record, source, name) for name, section in own.items()}
    return source, _convert(raw, ConfigFile, source), sections


def _find_own_sections(raw: Any, source: ConfigSource) -> dict[str, Section]:
    """The suites' own sections in the file. Imports no other suite."""
    sections = {}
    for name in raw if isinstance(raw, dict) else ():
        if name in ConfigFile.__dataclass_fields__:
            continue
        section = None
        if name in list_plugins("suites"):
            with source.locate_errors(name):
                section = find_policy(name).section
        if section is None:
            source.check_known("key", name, {*ConfigFile.__dataclass_fields__, *list_sections()}, name)
        else:
            sections[name] = section
    return sections


def _convert(raw: Any, model: type[_T], source: ConfigSource, *at: str) -> _T:
    """The table as a record of this model. Raises `ConfigError` that names file, line and key."""
    _check(raw, model, source, at)
    try:
        return msgspec.convert(raw, model)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        raise source.error(message, *at, *_path_keys(path.rstrip("`"))) from None


def _find_file(folders: Sequence[Path]) -> Path | None:
    for folder in folders:
        if (folder / CONFIG_FILE).is_file():
            return folder / CONFIG_FILE
        project = folder / "pyproject.toml"
        with contextlib.suppress(OSError):
            if b"[tool.aiharness" in project.read_bytes():
                return project
    return None


def _path_keys(at: str) -> list[str | int]:
    """`.objective[0].limit` as ["objective", 0, "limit"]; `[...]`, any key of a table, says nothing."""
    return [int(index) if index else name for index, name in re.findall(r"\[(\d+)\]|([^.\[\]]+)", at)]


def _check(raw: Any, model: Any, source: ConfigSource, at: tuple[str | int, ...]) -> None:
    """Refuse keys that the model does not have, and numbers out of bounds."""
    args = [arg for arg in get_args(model) if arg is not type(None)]
    if OVER_ZERO in args:
        if isinstance(raw, int | float) and not 0 < raw < math.inf:
            raise source.error(f"must be {'finite' if raw == math.inf else 'over 0'}, got {raw!r}", *at)
    elif get_origin(model) is list and isinstance(raw, list):
        for index, item in enumerate(raw):
            _check(item, args[0], source, (*at, index))
    elif get_origin(model) is dict and isinstance(raw, dict):
        for key, item in raw.items():
            _check(item, args[1], source, (*at, key))
    elif args and get_origin(model) not in (list, dict):
        _check(raw, args[0], source, at)
    elif hasattr(model, "__dataclass_fields__") and isinstance(raw, dict):
        hints = get_type_hints(model, include_extras=True)
        for key, item in raw.items():
            source.check_known("key", key, hints, *at, key)
            _check(item, hints[key], source, (*at, key))
