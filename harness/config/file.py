"""Find and read the configuration file. Every error in it names file, line and key, and the nearest known key.

Tested in tests/config/test_resolve.py.
"""

from __future__ import annotations

import contextlib
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from harness.config.key_notes import describe_missing, describe_unknown_key
from harness.config.sections import ConfigFile
from harness.config.toml_lines import find_line
from harness.config.toml_problems import explain_toml_error
from harness.config.value_forms import find_form_problem, strip_hint
from harness.core.errors import ConfigError, UsageError
from harness.core.registry import describe_unknown, list_plugins
from harness.core.suite_policy import Section, find_policy, list_sections
from harness.io.rundir import find_original_folder

_FIELDS = {"class": "class_"}
"""Keys of which Python makes no name, and the fields that hold them."""
_KEYS = {field: key for key, field in _FIELDS.items()}

_T = TypeVar("_T")

CONFIG_FILE = "aiharness.toml"
_EXTRA = "--ai-extra-config"


@dataclass(frozen=True, slots=True)
class ConfigSource:
    """The configuration file and its text, for errors that name file, line and key.

    `prefix` leads to the configuration in a file that holds other tables too. Files are named relative to `folder`
    (default: the file's own), which is the original's for the copy in a run directory. What this file leaves out comes
    from the one of `base`.
    """

    path: Path | None = None
    text: str = ""
    prefix: tuple[str, ...] = ()
    folder: Path | None = None
    base: ConfigSource | None = None

    def describe_main(self) -> str:
        """The path of the configuration that everything else goes before; `none` where there is none."""
        if self.base is not None:
            return self.base.describe_main()
        return str(self.path) if self.path else "none"

    def error(self, message: str, *keys: str | int) -> ConfigError:
        """A `ConfigError` at this key."""
        line = find_line(self.text, (*self.prefix, *keys))
        if line is None and self.base is not None:
            return self.base.error(message, *keys)
        where = f"{self.path}:{line}" if line else str(self.path or _EXTRA)
        dotted = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).lstrip(".")
        return ConfigError(message, where=where, key=dotted)

    def check_known(self, what: str, given: str, known: Collection[str], *keys: str | int) -> None:
        """Raise `ConfigError` for a name that is not known; the error suggests the nearest known one."""
        if given not in known:
            raise self.error(describe_unknown(what, given, known), *keys)

    def resolve_path(self, value: str | None) -> str | None:
        """The path of a file that the configuration names relative to itself."""
        return str((self.folder or self.path.parent) / value) if value and self.path else value

    def find_file(self, name: str, *keys: str | int) -> Path:
        """The path of a file that the configuration names relative to itself. Raises `ConfigError` without one."""
        path = Path(self.resolve_path(name) or "")
        if path.is_file():
            return path
        if self.base is not None and find_line(self.text, (*self.prefix, *keys)) is None:
            return self.base.find_file(name, *keys)
        problem = "is a directory; give a file in it" if path.is_dir() else "does not exist; give an existing file"
        raise self.error(f"{path} {problem}", *keys)

    @contextlib.contextmanager
    def locate_errors(self, *keys: str | int, given_elsewhere: object = None) -> Iterator[None]:
        """Name file, line and key in a `UsageError` about a value, unless the value was given elsewhere."""
        try:
            yield
        except UsageError as error:
            if given_elsewhere or self.path is None or isinstance(error, ConfigError):
                raise
            raise self.error(str(error), *keys, *filter(None, [error.key])) from None


def read_file(
    given: str | None, folders: Sequence[Path], extra: str | None = None, experiments: str | None = None
) -> tuple[ConfigSource, ConfigFile, dict[str, Any]]:
    """The configuration file, its content, and the suites' own sections in it, by suite.

    All are empty when there is no file and none was named. `extra` is text of the file's form: its values win over
    those of the file, and its lists go on where those of the file end. `experiments` is another file of that form: its
    tables win, its lists replace the others, and the experiments of the configuration are left out.
    """
    if given is not None and not given.strip():
        raise UsageError("--ai-config is empty: give the path of a file, or leave the option out")
    path = Path(given) if given else _find_file(folders)
    if path is None and not extra and experiments is None:
        return ConfigSource(), ConfigFile(), {}
    source = ConfigSource()
    raw: dict[str, Any] = {}
    if path is not None:
        source, raw = _read_tables(path)
    if experiments is not None:
        own_source, own_raw = _read_tables(Path(experiments))
        if not (own_raw.get("experiment") or own_raw.get("fault")):
            raise own_source.error("holds no experiment: write [[experiment]], or [[fault]] and the [links.NAME] of it")
        others = {name: table for name, table in raw.items() if name not in ("fault", "experiment")}
        raw = _merge_tables(others, own_raw, join_lists=False)
        is_other = path is not None and path.absolute() != Path(experiments).absolute()
        source = replace(own_source, base=source if is_other else None)
    if extra:
        raw = _merge_tables(raw, _parse(extra, _EXTRA))
    own = _find_own_sections(raw, source)
    sections = {name: _convert(raw.pop(name), section.record, source, name) for name, section in own.items()}
    return source, _convert(raw, ConfigFile, source), sections


def _read_tables(path: Path) -> tuple[ConfigSource, dict[str, Any]]:
    """The file, and the tables of our configuration in it. Raises `ConfigError`."""
    text = _read_text(path)
    raw: Any = _parse(text, str(path))
    prefix: tuple[str, ...] = ()
    if path.name == "pyproject.toml":
        prefix = ("tool", "aiharness")
        tool = raw.get("tool")
        raw = tool.get("aiharness", {}) if isinstance(tool, dict) else {}
    source = ConfigSource(path, text, prefix, find_original_folder(path))
    if not isinstance(raw, dict):
        raise source.error("[tool.aiharness] must be a table: write [tool.aiharness.endpoint] above its keys")
    return source, raw


def _parse(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # TOMLDecodeError, numbers and nesting beyond Python's limits
        line, problem = explain_toml_error(text, str(error))
        raise ConfigError(problem, where=f"{where}:{line}" if line else where) from None


def _merge_tables(known: dict[str, Any], extra: dict[str, Any], *, join_lists: bool = True) -> dict[str, Any]:
    """Both: values of `extra` win, tables are merged, lists go on, or with `join_lists` False win as well."""
    merged = dict(known)
    for key, value in extra.items():
        own = merged.get(key)
        if isinstance(own, dict) and isinstance(value, dict):
            merged[key] = _merge_tables(own, value, join_lists=join_lists)
        elif join_lists and isinstance(own, list) and isinstance(value, list):
            merged[key] = [*own, *value]
        else:
            merged[key] = value
    return merged


def _read_text(path: Path) -> str:
    """The text of the file. Raises `ConfigError` for a file that cannot be read, or is not UTF-8."""
    try:
        data = path.read_bytes()
        return data.decode("utf-8-sig")
    except IsADirectoryError:
        problem = f"is a directory; give the file in it, like {path / CONFIG_FILE}"
    except FileNotFoundError:
        problem = "does not exist; give an existing file, or write one with: aiharness init URL"
    except OSError as error:
        problem = f"cannot be read ({error.strerror}); give an existing file"
    except UnicodeDecodeError as error:
        problem = "is not UTF-8 text; save it as UTF-8"
        if b"\0" in data:
            problem = "is not a text file; give a TOML file, like aiharness.toml"
        if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
            problem = "is UTF-16 text; save it as UTF-8"
        elif error.start:
            line = data.count(b"\n", 0, error.start) + 1
            raise ConfigError(problem, where=f"{path}:{line}") from None
    except ValueError:  # a null byte
        problem = "is not a path; give an existing file"
    raise ConfigError(problem, where=str(path)) from None


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
            raise source.error(_describe_unknown_key(name, (), _list_keys()), name)
        sections[name] = section
    return sections


def _convert(raw: Any, model: type[_T], source: ConfigSource, *at: str) -> _T:
    """The table as a record of this model. Raises `ConfigError` that names file, line and key."""
    _check(raw, model, source, at)
    try:
        return msgspec.convert(_spell_class(raw), model)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        raise source.error(message, *at, *_path_keys(path.rstrip("`"))) from None


def _spell_class(raw: Any) -> Any:
    """The table with `class` of each objective under the name that a field can have."""
    if not isinstance(raw, dict) or not isinstance(raw.get("objective"), list):
        return raw
    tables = [{_FIELDS.get(key, key): value for key, value in table.items()} for table in raw["objective"]]
    return {**raw, "objective": tables}


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
    """Refuse keys that the model does not have or that are missing, and values of another form or out of bounds."""
    if at and (problem := find_form_problem(raw, model, at)):
        raise source.error(problem, *at)
    model, _ = strip_hint(model)
    args = get_args(model)
    if isinstance(raw, list) and get_origin(model) in (list, tuple):
        for index, item in enumerate(raw):
            _check(item, args[0], source, (*at, index))
    elif isinstance(raw, dict) and len(args) == 2:
        for key, item in raw.items():
            _check(item, args[1], source, (*at, key))
    elif isinstance(raw, dict) and is_dataclass(model):
        _check_record(raw, model, source, at)


def _check_record(raw: dict[str, Any], model: Any, source: ConfigSource, at: tuple[str | int, ...]) -> None:
    hints = {_KEYS.get(name, name): hint for name, hint in get_type_hints(model, include_extras=True).items()}
    for key, item in raw.items():
        if key not in hints:
            raise source.error(_describe_unknown_key(key, at, {**_list_keys(), "": hints}), *at, key)
        _check(item, hints[key], source, (*at, key))
    for field in fields(model):
        if field.name not in raw and field.default is MISSING and field.default_factory is MISSING:
            raise source.error(describe_missing(field.name), *at)


def _describe_unknown_key(key: str, at: Sequence[str | int], keys: Mapping[str, Collection[str]]) -> str:
    known = keys.get("", keys)
    return describe_unknown_key(key, at, known, {name: table for name, table in keys.items() if name})


def _list_keys() -> dict[str, Collection[str]]:
    """The keys of each section of the file."""
    records: dict[str, Any] = {name: section.record for name, section in list_sections().items()}
    for name, hint in get_type_hints(ConfigFile).items():
        records[name] = (*get_args(hint), hint)[0]
    return {
        name: [_KEYS.get(field, field) for field in getattr(record, "__dataclass_fields__", ())]
        for name, record in records.items()
    }
