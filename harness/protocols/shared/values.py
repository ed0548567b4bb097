"""What the adapters share: the values in an answer, each checked and refused with its place."""

from __future__ import annotations

import json
import math
from typing import Any

from harness.core.errors import ProtocolError
from harness.core.exchange import Response
from harness.core.json_text import parse_json

_SHOWN = 200
_LONGEST_NAME = 512
_KINDS = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "an array", dict: "an object"}


def describe_kind(value: Any) -> str:
    """The JSON kind of a value, for messages: `null`, `a boolean`, `a number`, `a string`, `an array`, `an object`."""
    return _KINDS.get(type(value), "null")


def parse_name(value: Any) -> str | None:
    """The value when it can be the name of a model: printable text of sane length."""
    return value if isinstance(value, str) and value.isprintable() and 0 < len(value) <= _LONGEST_NAME else None


def get_member(value: Any, *names: str) -> Any:
    """What stands under these names, one inside the other; None where there is nothing, or no object."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def parse_names(entries: Any, key: str) -> tuple[str, ...] | None:
    """The name under a key of each object in a list; None when it is no such list."""
    found = [parse_name(get_member(each, key)) for each in entries] if isinstance(entries, list) else [None]
    known = tuple(name for name in found if name is not None)
    return known if len(known) == len(found) else None


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


def expect_text(value: Any, at: str) -> str | None:
    """The value, which must be a string or null. Raises `ProtocolError` with the place."""
    if value is not None and not isinstance(value, str):
        raise ProtocolError(f"{describe_kind(value)} where a string was expected", at=at)
    return value


def shorten_value(value: Any) -> str:
    """A value of the peer's for a message: printable, and cut."""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    clean = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:_SHOWN])
    return clean if len(text) <= _SHOWN else clean + "…"


def parse_answer(response: Response) -> dict[str, Any]:
    """The object in a body, which must be no error. Raises `ProtocolError`."""
    value = expect_object(parse_json(response.body))
    refuse_error(value, response)
    return value


def refuse_error(value: Any, response: Response) -> None:
    """Raise `ProtocolError` for an error (a text, an object, true) in the body of a success; a number is no error."""
    error = get_member(value, "error")
    if (error and not isinstance(error, int | float)) or error is True:
        said = error.get("message", error) if isinstance(error, dict) else error
        raise ProtocolError(f"an error in an answer of status {response.status}: {shorten_value(said)}", at="$.error")


def expect_number(value: Any, at: str) -> float:
    """The value, which must be a number that a float holds. Raises `ProtocolError` with the place."""
    if type(value) not in (int, float):
        raise ProtocolError(f"{describe_kind(value)} where a number was expected", at=at)
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        raise ProtocolError("a number that is not finite", at=at)
    return found


def expect_whole_number(value: Any, at: str) -> int:
    """The value, which must be a whole number from 0. Raises `ProtocolError` with the place."""
    if type(value) is not int or value < 0:
        raise ProtocolError(f"{describe_kind(value)} where a whole number from 0 was expected", at=at)
    return value
