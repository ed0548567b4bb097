"""Cells of labelled data: numbers, booleans and texts, and the type of each column of a CSV file.

Tested in tests/io/test_named_data.py.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NoReturn

from harness.core.errors import ConfigError
from harness.core.json_path import nest_fields

CellType = Literal["number", "boolean", "text"]
Missing = Literal["refuse", "null", "omit"]
_BOOLEANS = {"true": True, "false": False}
_NUMBER_LIKE = re.compile(r"[-+.,_\d\s]*\d[.,_\d\s]*")
"""What is meant as a number even if it is none: a date or a name does not look like this."""


def refuse_cell(where: str, message: str, column: str = "") -> NoReturn:
    """Raise `ConfigError` at this place of a file."""
    raise ConfigError(message, where=where, key=column)


def parse_number(value: Any, where: str, column: str, hint: str = "") -> float:
    """A finite number, from text or JSON. Raises `ConfigError`, with the hint for what is no number."""
    try:
        if isinstance(value, bool) or not isinstance(value, int | float | str) or "_" in str(value):
            raise ValueError
        number = float(value)
    except (ValueError, OverflowError):
        refuse_cell(where, f"{value!r:.60} is not a number{hint}", column)
    if not math.isfinite(number):
        refuse_cell(where, f"{value!r} is not finite; give a number or leave the row out", column)
    return number


class CSVColumns:
    """Reads the input of each row of a CSV file.

    It is a list of floats where every column holds numbers. It is an object with a field for each column where one of
    them holds texts or booleans, or where types or missing cells are configured; a name with dots is a path into
    nested objects. A column has the type of its first cell that is not empty.
    """

    def __init__(self, names: Sequence[str], types: Mapping[str, CellType], missing: Missing) -> None:
        self._names, self._missing = names, missing
        self._types: dict[str, CellType] = dict(types)
        self._makes_objects: bool | None = bool(types) or missing != "refuse" or None

    def read_input(self, cells: Mapping[str, str], where: str) -> list[float] | dict[str, Any]:
        """The input in the cells of one row. Raises `ConfigError` that names the column."""
        values: dict[str, Any] = {}
        for name in self._names:
            text = cells[name].strip()
            if text:
                kind = self._types.setdefault(name, _choose_type(text))
                values[name] = _parse_cell(text, kind, where, name)
            elif self._missing == "refuse":
                refuse_cell(where, "is empty; fill it, or say with [data] missing what is sent: 'null' or 'omit'", name)
            elif self._missing == "null":
                values[name] = None
        if self._makes_objects is None:
            self._makes_objects = set(self._types.values()) != {"number"}
        if self._makes_objects:
            return nest_fields(values)
        return list(map(float, values.values()))


def _choose_type(text: str) -> CellType:
    if text.lower() in _BOOLEANS:
        return "boolean"
    try:
        float(text)
    except ValueError:
        if not _NUMBER_LIKE.fullmatch(text):
            return "text"
    return "number"


def _parse_cell(text: str, kind: CellType, where: str, column: str) -> Any:
    if kind == "text":
        return text
    if kind == "boolean":
        if text.lower() not in _BOOLEANS:
            refuse_cell(where, f"{text!r:.60} is neither true nor false, and the column holds booleans", column)
        return _BOOLEANS[text.lower()]
    hint = f"; a column of names is [data] types = {{ {column} = 'text' }}"
    number = parse_number(text, where, column, hint)
    if re.fullmatch(r"[+-]?\d+", text):
        return int(text)
    return number
