"""Whether a value of the configuration has the form that its key takes; else what was given and what to write.

Tested in tests/config/test_value_forms.py.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from harness.config.key_notes import EMPTY_ALLOWED, EXAMPLES, SECRET_PLACES, UNITS, find_note
from harness.core.bounds import Bound

_QUANTITY = re.compile(r"\s*(-?\d[\d_,]*(?:\.\d+)?)\s*([a-zA-Z%µ/]*).*", re.S)
_FACTORS = {
    "s": {"ms": 1e-3, "s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "h": 3600, "hour": 3600},
    "days": {"d": 1, "day": 1, "h": 1 / 24, "hour": 1 / 24, "w": 7, "week": 7},
    "requests/s": {"/s": 1, "rps": 1, "qps": 1, "/sec": 1, "/min": 1 / 60, "/m": 1 / 60, "rpm": 1 / 60, "/h": 1 / 3600},
}
_MOST_SECONDS = 100_000_000
"""Three years: what is longer is a typing error, and no clock of the system takes it."""
_COUNTS = {"": 1, "k": 1000, "m": 1_000_000}
_PLAIN: Mapping[Any, str] = {
    float: "a number",
    int: "a whole number",
    bool: "true or false",
    str: "a text",
    list: "a list",
    dict: "a table",
}


def strip_hint(hint: Any) -> tuple[Any, Bound | None]:
    """The hint without `None` and without its bound, and that bound."""
    bound: Bound | None = None
    while True:
        if get_origin(hint) is Annotated:
            hint, *notes = get_args(hint)
            bound = next((note for note in notes if isinstance(note, Bound)), bound)
        elif get_origin(hint) in (Union, UnionType) and NoneType in get_args(hint):
            others = [part for part in get_args(hint) if part is not NoneType]
            if len(others) > 1:
                return object, bound
            hint = others[0]
        else:
            return hint, bound


def find_form_problem(given: Any, hint: Any, keys: Sequence[str | int]) -> str | None:
    """What is wrong with the value that the file gives for this key, and what to write; None for a right form.

    `hint` is the type of the key. What lists and tables hold is not looked at.
    """
    hint, bound = strip_hint(hint)
    if get_origin(hint) is Literal:
        return _find_choice_problem(given, get_args(hint), keys)
    wanted = _find_plain_type(hint)
    if wanted is None:
        return None
    if not _fits(given, wanted):
        return _describe_wrong_type(given, wanted, keys)
    if wanted is str:
        return _find_empty_text(given, keys)
    if wanted is list and not given and _find_name(keys) in ("suites", "attacks"):
        return "is empty: name at least one, or leave the key out"
    if wanted in (int, float) and UNITS.get(_find_name(keys)) == "seconds" and _MOST_SECONDS < given < math.inf:
        return f"must be at most {_MOST_SECONDS:,} seconds, got {given!r}"
    if bound is not None and not bound.allows(given):
        return f"must be {'finite' if given == math.inf else bound.words}, got {given!r}"
    return None


def _find_plain_type(hint: Any) -> type | None:
    """The plain type of the values that a hint takes; None where they can be of several."""
    origin: Any = get_origin(hint) or hint
    if is_dataclass(origin) or origin is Mapping or origin is dict or origin == Mapping:
        return dict
    if origin in (list, tuple):
        return list
    return origin if isinstance(origin, type) and origin in _PLAIN else None


def _fits(given: Any, wanted: type) -> bool:
    if isinstance(given, bool) or wanted is bool:
        return isinstance(given, bool) and wanted is bool
    if wanted is float:
        return isinstance(given, int | float)
    if wanted is int and isinstance(given, float):
        return given.is_integer()
    return isinstance(given, wanted)


def describe_given(given: Any, keys: Sequence[str | int] = ()) -> str:
    """The value in words; a text is not shown where it may be a secret."""
    if isinstance(given, str):
        return "a text" if _may_hold_secret(keys) else f"the text {given[:60]!r}"
    if isinstance(given, bool):
        return str(given).lower()
    if isinstance(given, int | float):
        return repr(given)
    return _PLAIN.get(type(given), f"a {type(given).__name__}")


def _may_hold_secret(keys: Sequence[str | int]) -> bool:
    names = tuple(key for key in keys if isinstance(key, str))
    return any(names[: len(place)] == place for place in SECRET_PLACES)


def _describe_wrong_type(given: Any, wanted: type, keys: Sequence[str | int]) -> str:
    what = f"must be {_describe_wanted(wanted, keys)}, got {_describe_container(given, wanted, keys)}"
    return f"{what}: {_advise(given, wanted, keys)}"


def _describe_wanted(wanted: type, keys: Sequence[str | int]) -> str:
    if wanted is list and find_note(keys).startswith("[["):
        return "a list of tables"
    unit = UNITS.get(_find_name(keys), "")
    if unit and wanted in (int, float):
        return f"{_PLAIN[wanted]} ({unit})"
    return _PLAIN[wanted]


def _describe_container(given: Any, wanted: type, keys: Sequence[str | int]) -> str:
    if isinstance(given, dict) and wanted is list:
        return "one table"
    return describe_given(given, keys)


def _advise(given: Any, wanted: type, keys: Sequence[str | int]) -> str:
    """What to write for this key."""
    name = _find_name(keys)
    if wanted is dict and isinstance(given, list) and all(isinstance(item, dict) for item in given):
        return f"write [{_join(keys)}], with one pair of brackets"
    if note := find_note(keys):
        return f"write {note}"
    if isinstance(given, list) and len(given) == 1 and _fits(given[0], wanted):
        return f"write it without brackets{_show_line(name, given[0], keys)}"
    if wanted in (int, float):
        return _advise_number(given, wanted, name)
    if wanted is bool:
        return _advise_flag(given, name)
    if wanted is str:
        return _advise_text(given, name, keys)
    if wanted is list:
        parts = given
        if isinstance(given, str):
            parts = [part.strip() for part in given.split(",")]
        return f"write it in brackets{_show_line(name, parts if isinstance(parts, list) else [given], keys)}"
    return f"write [{_join(keys)}] above its keys"


def _advise_text(given: Any, name: str, keys: Sequence[str | int]) -> str:
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    example = EXAMPLES.get(name, "")
    if is_number and name not in ("url", "api", "suites"):
        example = str(given)
    if isinstance(keys[-1], int):
        return f"write it in quotes{f', as {_show_toml(example)}' if example else ''}"
    return f"write it in quotes{_show_line(name, example, keys) if example else ''}"


def _advise_number(given: Any, wanted: type, name: str) -> str:
    value = read_number(given, name, wanted)
    if value is None:
        example = EXAMPLES.get(name, "")
        return f"write a plain number, without quotes{f': {name} = {example}' if example else ''}"
    unit = " and without a unit" if isinstance(given, str) and not re.fullmatch(r"[-\d._\s]+", given) else ""
    if wanted is int and isinstance(given, float):
        return f"write it without a fraction, as {name} = {value:.12g}"
    quotes = f"without quotes{unit}, " if isinstance(given, str) else ""
    return f"write it {quotes}as {name} = {value:.12g}"


def describe_wrong_number(text: str, name: str, wanted: type, spelled: str) -> str:
    """What is wrong with the text that an option gives as a number; `spelled` is how it is written, as `--rate `."""
    words = _PLAIN[wanted] + (f" of {UNITS[name]}" if name in UNITS else "")
    meant = read_number(text, name, wanted)
    return f"must be {words}, got {text!r}" + ("" if meant is None else f": write {spelled}{meant:.12g}")


def read_number(given: Any, name: str, wanted: type) -> float | None:
    """The number that was meant for the key `name`: the one in a text, in the key's unit; None where there is none."""
    value: float | None = None
    if isinstance(given, int | float) and not isinstance(given, bool):
        value = float(given)
    elif isinstance(given, str) and (match := _QUANTITY.fullmatch(given)):
        unit = match[2].lower()
        known = _FACTORS.get(UNITS.get(name, "").replace("seconds", "s"), {})
        factor = known.get(unit, known.get(unit.rstrip("s"), _COUNTS.get(unit)))
        if unit == "%":
            factor = 0.01
        if factor is None:
            return None
        value = float(match[1].replace("_", "").replace(",", "")) * factor
    if value is None or not math.isfinite(value):
        return None
    return float(int(value)) if wanted is int else value


def _advise_flag(given: Any, name: str) -> str:
    value = {"true": "true", "yes": "true", "on": "true", "1": "true"}.get(str(given).lower(), "false")
    return f"write it without quotes, as {name} = {value}"


def _find_choice_problem(given: Any, choices: Sequence[Any], keys: Sequence[str | int]) -> str | None:
    if given in choices:
        return None
    quoted = ", ".join(map(_show_toml, choices))
    message = f"must be one of {quoted}, got {describe_given(given, () if len(str(given)) < 10 else keys)}"
    if isinstance(given, str) and (near := difflib.get_close_matches(given.lower(), choices, n=1)):
        message += f". Did you mean {_show_toml(near[0])}?"
    return message


def _find_empty_text(given: str, keys: Sequence[str | int]) -> str | None:
    name = _find_name(keys)
    names = [key for key in keys if isinstance(key, str)]
    is_named = len(names) == 2 or (len(names) > 2 and names[-2] in ("credentials", "tls", "template"))
    if given.strip() or not is_named or name in EMPTY_ALLOWED:
        return None
    example = EXAMPLES.get(name, "")
    return f"is empty: give a text{f' like {_show_toml(example)}' if example else ''}, or leave the key out"


def _show_line(name: str, value: Any, keys: Sequence[str | int]) -> str:
    """` as NAME = VALUE`; nothing where the value may be a secret."""
    if _may_hold_secret(keys) and not isinstance(value, int | float):
        return ""
    return f", as {name} = {_show_toml(value)}"


def _show_toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        quote = "'" if '"' in value else '"'
        return f"{quote}{value[:60]}{quote}"
    if isinstance(value, list):
        return f"[{', '.join(map(_show_toml, value[:8]))}]"
    return str(value)


def _find_name(keys: Sequence[str | int]) -> str:
    return next((key for key in reversed(keys) if isinstance(key, str)), "")


def _join(keys: Sequence[str | int]) -> str:
    return ".".join(str(key) for key in keys)
