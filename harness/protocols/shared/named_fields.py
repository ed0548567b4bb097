"""Inputs that are objects of named fields: values of the right type, and other valid values beside a sample's.

Tested in tests/protocols/shared/test_named_fields.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

from harness.protocols.shared.json_schema import Schema
from harness.protocols.shared.values import get_member

_T = TypeVar("_T")


class RandomSource(Protocol):
    """What is used of a seeded `random.Random`."""

    def random(self) -> float:
        """A number from 0 to under 1."""

    def uniform(self, low: float, high: float, /) -> float:
        """A number of this range."""

    def randint(self, low: int, high: int, /) -> int:
        """A whole number of this range, both ends included."""

    def choice(self, items: Sequence[_T], /) -> _T:
        """One of the items."""


_WIDEST = 1e9
"""A stated range that is wider than this bounds nothing that a service was made for."""
_KINDS = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}


def list_kinds(schema: Schema, sample: Any = None) -> set[str]:
    """The JSON types that a schema allows; without a schema, the type of a valid sample."""
    kinds = schema.get("type", [])
    if isinstance(kinds, str):
        kinds = [kinds]
    allowed = set(kinds)
    for part in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        allowed |= list_kinds(part)
    allowed |= {_KINDS.get(type(value), "") for value in schema.get("enum", ())}
    if not allowed and sample is not None:
        allowed = {_KINDS.get(type(sample), "")}
    return allowed


def fit_types(value: Any, schema: Schema, sample: Any) -> Any:
    """The value with each number, boolean or text written in the type that its field has, where that loses nothing.

    A data file does not distinguish 30 from 30.0, or 1 from true; a service may.
    """
    if isinstance(value, dict):
        parts = _find_properties(schema)
        return {name: fit_types(part, parts.get(name, {}), get_member(sample, name)) for name, part in value.items()}
    if type(value) not in (int, float):
        return value
    kinds = list_kinds(schema, sample)
    if "number" in kinds or not kinds:
        return value
    is_whole = float(value).is_integer()
    if is_whole and not kinds.isdisjoint(("integer", "string")):
        value = int(value)
    if "boolean" in kinds and value in (0, 1):
        return bool(value)
    if "string" in kinds and "integer" not in kinds:
        return str(value)
    return value


def vary_value(samples: Sequence[Any], schema: Schema, generator: RandomSource) -> Any:
    """Another valid value beside valid samples: of one of them, with each number, choice and boolean drawn anew.

    A number is drawn from its stated range, else from that of the samples, else from 0 to twice its value. A text is
    kept unless the schema lists its values: it may be a name of which only some are known.
    """
    sample = generator.choice(samples)
    if isinstance(sample, dict):
        parts = _find_properties(schema)
        varied = {}
        for name in sample:
            values = [other[name] for other in samples if isinstance(other, dict) and name in other]
            varied[name] = vary_value(values, parts.get(name, {}), generator)
        return varied
    if isinstance(sample, list):
        items = schema.get("items")
        if not isinstance(items, dict):
            items = {}
        return [vary_value([item], items, generator) for item in sample]
    return _vary_leaf(sample, [value for value in samples if type(value) in (int, float)], schema, generator)


def list_choices(sample: Any, schema: Schema) -> list[tuple[str, Any]]:
    """The sample with each other value that the schema lists for a field, one at a time, and its name: `size = "L"`."""
    if not isinstance(sample, dict):
        return []
    listed: list[tuple[str, Any]] = []
    parts = _find_properties(schema)
    for name, value in sample.items():
        field = parts.get(name, {})
        changes = [(f"{name}.{inner}", changed) for inner, changed in list_choices(value, field)]
        choices = [choice for part in _list_parts(field) for choice in part.get("enum", ())]
        changes += [(f"{name} = {json.dumps(choice)}", choice) for choice in choices if choice != value]
        listed += [(what, {**sample, name: changed}) for what, changed in changes]
    return listed


def _vary_leaf(sample: Any, numbers: Sequence[Any], schema: Schema, generator: RandomSource) -> Any:
    choices = [choice for part in _list_parts(schema) for choice in part.get("enum", ())]
    if choices:
        return generator.choice(choices)
    if isinstance(sample, bool):
        return generator.random() < 0.5
    if type(sample) not in (int, float):
        return sample
    kind = _KINDS[type(sample)]
    part = next((part for part in _list_parts(schema) if {kind, "number"} & list_kinds(part)), schema)
    low, high = _find_range(sample, numbers, part)
    if kind == "integer":
        return generator.randint(round(low), round(high))
    return generator.uniform(low, high)


def _find_range(sample: Any, numbers: Sequence[Any], schema: Schema) -> tuple[float, float]:
    """The range from which a number is drawn: the stated one, or that of the samples within what is stated."""
    low, high = find_bounds(schema, _KINDS[type(sample)] == "integer")
    if low is not None and high is not None and high - low <= _WIDEST:
        return low, high
    start, end = min(numbers), max(numbers)
    if start == end:
        start, end = min(0, 2 * sample), max(0, 2 * sample) or 1
    if low is not None:
        start = max(start, low)
    if high is not None:
        end = min(end, high)
    if start > end:
        return sample, sample
    return start, end


def find_bounds(schema: Schema, is_whole: bool) -> tuple[Any, Any]:
    """The least and the largest number of a schema; an exclusive bound is moved inwards. None: not stated."""
    low, high = schema.get("minimum"), schema.get("maximum")
    over, under = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if over is not None:
        low = over + _find_step(over, is_whole)
    if under is not None:
        high = under - _find_step(under, is_whole)
    return low, high


def _find_step(bound: float, is_whole: bool) -> float:
    """How far a number inside a bound keeps away from it: 1, or a small part of its size."""
    if is_whole:
        return 1
    return max(abs(bound), 1.0) * 1e-3


def _list_parts(schema: Schema) -> list[Schema]:
    """The schema itself, or the alternatives of which it consists."""
    return [*schema.get("anyOf", ()), *schema.get("oneOf", ())] or [schema]


def _find_properties(schema: Schema) -> Mapping[str, Schema]:
    """The JSON schema of each field by name; empty where the document has none."""
    for part in _list_parts(schema):
        if isinstance(part.get("properties"), dict):
            properties: Mapping[str, Schema] = part["properties"]
            return properties
    return {}
