"""Answers that consist of rows: JSON values, nested lists, or one object per row (TensorFlow Serving, KServe, MLflow).

Servers write null for NaN, so null is refused, except as a field in the object of a row.
"""

from __future__ import annotations

import math
from typing import Any

from harness.core.errors import ProtocolError
from harness.core.exchange import Answer
from harness.protocols.shared.values import describe_kind


def decode_rows(body: dict[str, Any], name: str) -> Answer:
    """The answer in the member `name` of a body. Raises `ProtocolError` with the place.

    A text is the text of the answer. A list of objects becomes one output for each of their keys, with an entry for
    each row; an object becomes one output for each key; anything else becomes one output called `name`.
    """
    value, at = body[name], f"$.{name}"
    if problem := _find_problem(value):
        raise ProtocolError(problem[1], at=at + problem[0])
    if isinstance(value, str):
        return Answer(text=value, value=body)
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return Answer(outputs=_collect_columns(value, at), value=body)
    return Answer(outputs=value if isinstance(value, dict) and value else {name: value}, value=body)


def _collect_columns(rows: list[Any], at: str) -> dict[str, list[Any]]:
    names = list(rows[0])
    if not names:
        raise ProtocolError("a row without a field", at=f"{at}[0]")
    for i, row in enumerate(rows):
        if not isinstance(row, dict):
            raise ProtocolError(f"{describe_kind(row)} among rows that are objects", at=f"{at}[{i}]")
        if row.keys() != rows[0].keys():
            raise ProtocolError("a row with other fields than the first row", at=f"{at}[{i}]")
    columns = {}
    for name in names:
        columns[name] = [row[name] for row in rows]
    return columns


def _find_problem(value: Any) -> tuple[str, str] | None:
    """The first place in a value that is not valid in an answer, and the reason."""
    if value is None:
        return "", "null where a value was expected"
    if isinstance(value, float) and not math.isfinite(value):
        return "", "a number that is not finite"
    if isinstance(value, list):
        for i, element in enumerate(value):
            if type(element) is float and math.isfinite(element):
                continue  # faster: most elements are numbers
            if problem := _find_problem(element):
                return f"[{i}]{problem[0]}", problem[1]
    elif isinstance(value, dict):
        for name, element in value.items():
            if element is not None and (problem := _find_problem(element)):
                return f".{name}{problem[0]}", problem[1]
    return None
