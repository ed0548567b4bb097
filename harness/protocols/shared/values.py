"""Reading values out of an answer: each is checked, and an error names its place.

`expect_...` requires a value of the type; `accept_...` also takes null, or a missing member.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, TypeVar

from harness.core.errors import ProtocolError
from harness.core.exchange import Response
from harness.core.json_text import parse_json
from harness.core.visible_text import cut_text

_T = TypeVar("_T")

_LONGEST_SHOWN = 200
_LONGEST_NAME = 512
_KINDS = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "an array", dict: "an object"}


def describe_kind(value: Any) -> str:
    """The JSON type of a value, for messages: `null`, `a boolean`, `a number`, `a string`, `an array`, `an object`."""
    return _KINDS.get(type(value), "null")


def parse_name(value: Any) -> str | None:
    """The value if it can be the name of a model: printable text of 1 to 512 characters; otherwise None."""
    return value if isinstance(value, str) and value.isprintable() and 0 < len(value) <= _LONGEST_NAME else None


def get_member(value: Any, *names: str) -> Any:
    """The value under these names, one inside the other; None if one of them is missing or not in an object."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def get_list(value: Any, *names: str) -> list[Any]:
    """The list under these names, one inside the other; empty if there is none."""
    member = get_member(value, *names)
    return member if isinstance(member, list) else []


def pick_only(items: Sequence[_T] | None) -> _T | None:
    """The only item of a sequence; None if there are none or several."""
    return items[0] if items and len(items) == 1 else None


def parse_names(entries: Any, key: str) -> tuple[str, ...] | None:
    """The name under a key of each object in a list; None if it is not a list of such objects."""
    if not isinstance(entries, list):
        return None
    names = [parse_name(get_member(entry, key)) for entry in entries]
    return None if None in names else tuple(filter(None, names))


def expect_object(value: Any, at: str = "$") -> dict[str, Any]:
    """The value, which must be a JSON object. Raises `ProtocolError` with the place."""
    if not isinstance(value, dict):
        raise ProtocolError(f"{describe_kind(value)} where an object was expected", at=at)
    return value


def expect_array(value: Any, at: str) -> list[Any]:
    """The value, which must be a JSON array. Raises `ProtocolError` with the place."""
    if not isinstance(value, list):
        raise ProtocolError(f"{describe_kind(value)} where an array was expected", at=at)
    return value


def accept_object(value: Any, at: str) -> dict[str, Any]:
    """The value, which must be a JSON object or null; null counts as empty. Raises `ProtocolError` with the place."""
    return {} if value is None else expect_object(value, at)


def accept_array(value: Any, at: str) -> list[Any]:
    """The value, which must be a JSON array or null; null counts as empty. Raises `ProtocolError` with the place."""
    return [] if value is None else expect_array(value, at)


def accept_text(value: Any, at: str) -> str | None:
    """The value, which must be a string or null. Raises `ProtocolError` with the place."""
    if value is not None and not isinstance(value, str):
        raise ProtocolError(f"{describe_kind(value)} where a string was expected", at=at)
    return value


def shorten_value(value: Any) -> str:
    """A value from the answer for a message: only printable characters, at most 200 of them."""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in cut_text(text, _LONGEST_SHOWN))


def parse_answer(response: Response) -> dict[str, Any]:
    """The JSON object in a body, which must not be an error. Raises `ProtocolError`."""
    value = expect_object(parse_json(response.body))
    refuse_error(value, response)
    return value


def refuse_error(value: Any, response: Response) -> None:
    """Raise `ProtocolError` if the body has an `error` that is a text, an object or true; a number is not an error."""
    error = get_member(value, "error")
    if (error and not isinstance(error, int | float)) or error is True:
        text = shorten_value(error.get("message", error) if isinstance(error, dict) else error)
        raise ProtocolError(f"an error in an answer of status {response.status}: {text}", at="$.error")


def expect_number(value: Any, at: str) -> float:
    """The value, which must be a number in the range of a float. Raises `ProtocolError` with the place."""
    if type(value) not in (int, float):
        raise ProtocolError(f"{describe_kind(value)} where a number was expected", at=at)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ProtocolError("a number that is not finite", at=at)
    return number


def expect_whole_number(value: Any, at: str) -> int:
    """The value, which must be a whole number from 0. Raises `ProtocolError` with the place."""
    if type(value) is not int or value < 0:
        raise ProtocolError(f"{describe_kind(value)} where a whole number from 0 was expected", at=at)
    return value


def accept_whole_number(value: Any, at: str) -> int | None:
    """The value, which must be a whole number from 0, or null. Raises `ProtocolError` with the place."""
    return None if value is None else expect_whole_number(value, at)
