"""Answers that are rows: JSON values, nested lists, or one object for each row (TensorFlow Serving, KServe V1, MLflow).

Null stands in such answers where a server wrote NaN as JSON can, so it is refused, but for a field of a row's object.
"""

from __future__ import annotations

import math
from typing import Any

from harness.core.errors import ProtocolError
from harness.core.exchange import Answer
from harness.protocols.shared.values import describe_kind


def decode_rows(value: dict[str, Any], name: str) -> Answer:
    """The answer in the member `name` of a body. Raises `ProtocolError` with the place.

    A text is the answer's text. A list of objects gives an output for each of their keys, with an entry for each row;
    an object one for each key; anything else one output of this name.
    """
    found, at = value[name], f"$.{name}"
    if wrong := _wrong(found):
        raise ProtocolError(wrong[1], at=at + wrong[0])
    if isinstance(found, str):
        return Answer(text=found, value=value)
    if isinstance(found, list) and found and isinstance(found[0], dict):
        return Answer(outputs=_columns(found, at), value=value)
    return Answer(outputs=found if isinstance(found, dict) and found else {name: found}, value=value)


def _columns(rows: list[Any], at: str) -> dict[str, list[Any]]:
    names = list(rows[0])
    if not names:
        raise ProtocolError("a row without a field", at=f"{at}[0]")
    for i, row in enumerate(rows):
        if not isinstance(row, dict):
            raise ProtocolError(f"{describe_kind(row)} beside rows that are objects", at=f"{at}[{i}]")
        if row.keys() != rows[0].keys():
            raise ProtocolError("a row with other fields than the first one's", at=f"{at}[{i}]")
    return {name: [row[name] for row in rows] for name in names}


def _wrong(value: Any) -> tuple[str, str] | None:
    """The first place in a value that cannot be in an answer, and why."""
    if value is None:
        return "", "null where a value was expected"
    if isinstance(value, float) and not math.isfinite(value):
        return "", "a number that is not finite"
    if isinstance(value, list):
        for i, each in enumerate(value):
            if type(each) is float and math.isfinite(each):
                continue  # most of them: no call for each number
            if found := _wrong(each):
                return f"[{i}]{found[0]}", found[1]
    elif isinstance(value, dict):
        for name, each in value.items():
            if each is not None and (found := _wrong(each)):
                return f".{name}{found[0]}", found[1]
    return None
