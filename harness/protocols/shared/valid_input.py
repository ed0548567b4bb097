"""What a valid input looks like, as a JSON Schema: a part of the schema of the body, or made from a sample."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from harness.core.json_path import list_leaves
from harness.protocols.shared.json_schema import MAX_SAFE_INTEGER, Schema

_MOST_ROWS = 4
"""The most entries of a list whose length is not stated."""

_AMOUNT = re.compile(
    r"tokens$|^max_|^(num|n)_(return|results|outputs|samples|images|steps|words|items|predictions|inference|beams)"
    r"|^(n|k|count|limit|length|steps|horizon|periods|top_?[kn])$|_(steps|horizon)$|^(delay|sleep|wait)(_|$)"
)
"""Names of fields that say how much is to be made, or how long it takes."""
_LARGEST_AMOUNT = 16
_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def split_schema(form: Any, mark: Any, schema: Schema) -> Schema | None:
    """The schemas for the input and for options beside it, as `{"input", "options", "required"}`; or None.

    `form` is the body of a template, in which `mark` is replaced by the input. Properties of the body that are not in
    the form are options.
    """
    if form == mark:
        return {"input": schema, "options": {}, "required": []}
    part, place = schema, form
    while place != mark:
        if not (isinstance(place, dict) and isinstance(part.get("properties"), dict)):
            return None
        names = [name for name, value in place.items() if _contains(value, mark)]
        if len(names) != 1 or not set(place) <= part["properties"].keys():
            return None
        place, part = place[names[0]], part["properties"][names[0]]
    if schema.keys() - {"type", "properties", "required", "additionalProperties"}:
        return None  # a rule about several properties at once
    options = {name: option for name, option in schema["properties"].items() if name not in form}
    required = [name for name in schema.get("required", []) if name not in form]
    return {"input": part, "options": options, "required": required} if set(required) <= options.keys() else None


def _contains(value: Any, mark: Any) -> bool:
    if isinstance(value, dict):
        return any(_contains(child, mark) for child in value.values())
    return bool(value == mark)


def narrow_schema(schema: Schema, samples: Sequence[Any], *, is_outer: bool = True) -> Schema:
    """The schema with lengths that it does not state taken from valid samples.

    A list inside another list, and a flat list of numbers, is one row: it gets the length of the samples. The outermost
    list of anything else is a batch of at most four rows.
    """
    if isinstance(schema.get("items"), dict):
        return _narrow_list(schema, [sample for sample in samples if isinstance(sample, list)], is_outer)
    if isinstance(schema.get("properties"), dict):
        properties = {}
        for name, part in schema["properties"].items():
            values = [sample[name] for sample in samples if isinstance(sample, dict) and name in sample]
            properties[name] = narrow_schema(part, values, is_outer=is_outer)
        return {**schema, "properties": properties}
    return schema


def _narrow_list(schema: Schema, samples: list[list[Any]], is_outer: bool) -> Schema:
    items = schema["items"]
    lengths = {len(sample) for sample in samples}
    shortest: int = schema.get("minItems", 1 if lengths and all(lengths) else 0)
    longest = schema.get("maxItems")
    is_row = not is_outer or _is_numeric(items)
    if is_row and longest is None and len(lengths) == 1 and min(lengths) >= shortest:
        shortest = longest = min(lengths)
    longest = max(shortest, min(longest if isinstance(longest, int) else _MOST_ROWS, max(shortest, _MOST_ROWS)))
    inner = narrow_schema(items, [row for sample in samples for row in sample], is_outer=False)
    return {**schema, "items": inner, "minItems": shortest, "maxItems": longest}


def limit_amounts(schema: Schema, name: str = "") -> Schema:
    """The schema with a largest value for each whole number that says how much is to be made and has none.

    Nothing announced forbids 2^63 tokens, but no service can send them: not to end is no fault of it then.
    """
    limited = dict(schema)
    for key in ("anyOf", "oneOf"):
        if isinstance(schema.get(key), list):
            limited[key] = [limit_amounts(option, name) for option in schema[key]]
    if isinstance(schema.get("properties"), dict):
        limited["properties"] = {part: limit_amounts(inner, part) for part, inner in schema["properties"].items()}
    if isinstance(schema.get("items"), dict):
        limited["items"] = limit_amounts(schema["items"], name)
    if schema.get("type") != "integer" or not _AMOUNT.search(_CAPITAL.sub("_", name).lower()):
        return limited
    if "maximum" not in schema and "exclusiveMaximum" not in schema:
        least = max(schema.get("minimum", 0), schema.get("exclusiveMinimum", -1) + 1)
        limited["maximum"] = max(_LARGEST_AMOUNT, least)
    return limited


def derive_schema(sample: Any) -> Schema:
    """The schema of inputs like a valid sample: lists of the same length, numbers in the same range, any texts.

    The outermost list of lists, texts or objects is a batch.
    """
    numbers = [leaf for leaf in list_leaves(sample) if type(leaf) in (int, float)]
    low, high = min(numbers, default=0), max(numbers, default=1)
    if low == high:
        low, high = min(low, 0), max(high, 1)
    kind = "integer" if all(type(number) is int for number in numbers) else "number"
    return _derive_part(sample, {"type": kind, "minimum": low, "maximum": high}, is_outer=True)


def _derive_part(value: Any, number: Schema, *, is_outer: bool) -> Schema:
    if isinstance(value, dict):
        is_only = is_outer and len(value) == 1
        parts = {name: _derive_part(part, number, is_outer=is_only) for name, part in value.items()}
        return {"type": "object", "properties": parts, "required": list(parts), "additionalProperties": False}
    if isinstance(value, list) and value:
        items = _derive_part(value[0], number, is_outer=False)
        shortest, longest = len(value), len(value)
        if is_outer and not _is_numeric(items):
            shortest, longest = 1, _MOST_ROWS
        return {"type": "array", "items": items, "minItems": shortest, "maxItems": longest}
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, int | float):
        return dict(number)
    if isinstance(value, str):  # it may be a name, of which only some are known
        return {"anyOf": [{"enum": [value]}, {"type": "string", "minLength": 1, "maxLength": 40}]}
    return {"enum": [value]}


def _is_numeric(schema: Schema) -> bool:
    return schema.get("type") in ("number", "integer")


def is_bounded(schema: Schema) -> bool:
    """Whether a schema limits everything: the length of every list and text, the range of every number, every property.

    A service that answers a request within such a schema with an internal error breaks its own schema.
    """
    if "enum" in schema or "const" in schema:
        return True
    if "anyOf" in schema or "oneOf" in schema:
        return all(map(is_bounded, [*schema.get("anyOf", []), *schema.get("oneOf", [])]))
    kind = schema.get("type")
    if kind in ("number", "integer"):
        low = schema.get("minimum", schema.get("exclusiveMinimum"))
        high = schema.get("maximum", schema.get("exclusiveMaximum"))
        return low is not None and high is not None and low > -MAX_SAFE_INTEGER and high < MAX_SAFE_INTEGER
    if kind == "string":
        return bool({"maxLength", "format", "pattern"} & schema.keys())
    if kind == "array":
        return "maxItems" in schema and isinstance(schema.get("items"), dict) and is_bounded(schema["items"])
    if kind == "object":
        is_closed = schema.get("additionalProperties") is False
        return is_closed and all(map(is_bounded, schema.get("properties", {}).values()))
    return kind in ("boolean", "null")
