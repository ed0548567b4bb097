"""What a valid input looks like, as a JSON Schema: the part of a body's schema that is the input, or like a sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.core.json_path import list_leaves
from harness.protocols.shared.json_schema import MAX_SAFE_INTEGER, Schema

_MOST_ROWS = 4
"""Entries of a list whose length is left open."""


def split_schema(form: Any, mark: Any, schema: Schema) -> Schema | None:
    """What may stand for `mark` in a body of this form, and beside it: `{"input", "options", "required"}`; or None.

    `form` is a template's body. Properties of the top-level object that the form does not fill in are options.
    """
    if form == mark:
        return {"input": schema, "options": {}, "required": []}
    found, place = schema, form
    while place != mark:
        if not (isinstance(place, dict) and isinstance(found.get("properties"), dict)):
            return None
        held = [name for name, part in place.items() if _holds(part, mark)]
        if len(held) != 1 or not set(place) <= found["properties"].keys():
            return None
        place, found = place[held[0]], found["properties"][held[0]]
    plain = {"type", "properties", "required", "additionalProperties"}
    others = {name: each for name, each in schema["properties"].items() if name not in form}
    if schema.keys() - plain:
        return None  # a rule that binds the properties together
    required = [name for name in schema.get("required", []) if name not in form]
    return {"input": found, "options": others, "required": required} if set(required) <= others.keys() else None


def _holds(part: Any, mark: Any) -> bool:
    if isinstance(part, dict):
        return any(_holds(each, mark) for each in part.values())
    return bool(part == mark)


def narrow_schema(schema: Schema, samples: Sequence[Any], *, outer: bool = True) -> Schema:
    """The schema with the lengths that it leaves open taken from valid samples.

    A list below another one, and a flat one of numbers, is one row: as long as the samples' are. The outermost list of
    anything else is a batch of at most `MOST_ROWS`.
    """
    if isinstance(schema.get("items"), dict):
        lists = [each for each in samples if isinstance(each, list)]
        items = schema["items"]
        row = not outer or _numeric(items)
        lengths: set[int] = {len(each) for each in lists}
        least: int = schema.get("minItems", 1 if lengths and all(lengths) else 0)
        most = schema.get("maxItems")
        if row and most is None and len(lengths) == 1 and min(lengths) >= least:
            least = min(lengths)
            most = least
        most = max(least, min(most if isinstance(most, int) else _MOST_ROWS, max(least, _MOST_ROWS)))
        inner = narrow_schema(items, [part for each in lists for part in each], outer=False)
        return {**schema, "items": inner, "minItems": least, "maxItems": most}
    if isinstance(schema.get("properties"), dict):
        parts = {
            name: narrow_schema(each, [s[name] for s in samples if isinstance(s, dict) and name in s], outer=outer)
            for name, each in schema["properties"].items()
        }
        return {**schema, "properties": parts}
    return schema


def derive_schema(sample: Any) -> Schema:
    """What is like a valid sample: its lists as long as they are, its numbers within their range, its texts or others.

    The outermost list of lists, texts or objects is a batch.
    """
    numbers = [leaf for leaf in list_leaves(sample) if type(leaf) in (int, float)]
    low, high = min(numbers, default=0), max(numbers, default=1)
    if low == high:
        low, high = min(low, 0), max(high, 1)
    kind = "integer" if all(type(each) is int for each in numbers) else "number"
    return _like(sample, {"type": kind, "minimum": low, "maximum": high}, outer=True)


def _like(value: Any, number: Schema, *, outer: bool) -> Schema:
    if isinstance(value, dict):
        parts = {name: _like(each, number, outer=outer and len(value) == 1) for name, each in value.items()}
        return {"type": "object", "properties": parts, "required": list(parts), "additionalProperties": False}
    if isinstance(value, list):
        if not value:
            return {"enum": [[]]}
        inner = _like(value[0], number, outer=False)
        batch = outer and not _numeric(inner)
        return {
            "type": "array",
            "items": inner,
            "minItems": 1 if batch else len(value),
            "maxItems": _MOST_ROWS if batch else len(value),
        }
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, int | float):
        return dict(number)
    if isinstance(value, str):  # it may be a name of which only some are known
        return {"anyOf": [{"enum": [value]}, {"type": "string", "minLength": 1, "maxLength": 40}]}
    return {"enum": [value]}


def _numeric(schema: Schema) -> bool:
    return schema.get("type") in ("number", "integer")


def is_bounded(schema: Schema) -> bool:
    """Whether a schema says wholly what is valid: every list's length and every number's range, no open text or part.

    Then an answer that treats a request made from it as the server's own failure breaks what is announced.
    """
    if "enum" in schema or "const" in schema:
        return True
    if any(key in schema for key in ("anyOf", "oneOf")):
        return all(is_bounded(each) for key in ("anyOf", "oneOf") for each in schema.get(key, []))
    kind = schema.get("type")
    if kind in ("number", "integer"):
        low = schema.get("minimum", schema.get("exclusiveMinimum"))
        high = schema.get("maximum", schema.get("exclusiveMaximum"))
        return low is not None and high is not None and low > -MAX_SAFE_INTEGER and high < MAX_SAFE_INTEGER
    if kind == "string":
        return "maxLength" in schema or "format" in schema or "pattern" in schema
    if kind == "array":
        return "maxItems" in schema and isinstance(schema.get("items"), dict) and is_bounded(schema["items"])
    if kind == "object":
        closed = schema.get("additionalProperties") is False
        return closed and all(is_bounded(each) for each in schema.get("properties", {}).values())
    return kind in ("boolean", "null")
