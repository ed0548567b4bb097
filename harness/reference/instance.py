"""A value that obeys a JSON schema, the same one for the same schema: the common subset, and a refusal of all else."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

_MOST = 1000
"""Most values in one instance: a short schema can ask for a very long one."""
_WORD = "text"
_NOTES = {"title", "description", "default", "examples", "deprecated", "$schema", "$id", "$comment"}
"""Keywords that say nothing of what is valid."""
_UNDERSTOOD = {
    *("type", "enum", "const", "anyOf", "properties", "required", "additionalProperties", "items"),
    *("minItems", "maxItems", "minLength", "maxLength"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
}


class UnsupportedSchema(ValueError):
    """A schema of which no instance can be made here; the text begins with the place in it."""


def make_instance(schema: Any) -> Any:
    """A value that the schema accepts. Raises `UnsupportedSchema`.

    An enumeration gives its first value, `anyOf` its first schema, an array its least number of items and at least
    one, an object all its properties.
    """
    return _Maker().make(schema, "$")


class _Maker:
    def __init__(self) -> None:
        self._left = _MOST

    def make(self, schema: Any, at: str) -> Any:
        self._left -= 1
        if self._left < 0:
            raise UnsupportedSchema(f"{at}: more than {_MOST} values would be needed")
        if schema is True:
            schema = {}
        if not isinstance(schema, dict):
            raise UnsupportedSchema(f"{at}: no value obeys what is not a schema")
        if unknown := sorted(schema.keys() - _UNDERSTOOD - _NOTES):
            raise UnsupportedSchema(f"{at}: {unknown[0]!r} is not supported")
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return _take_first(schema["enum"], f"{at}.enum")
        if "anyOf" in schema:
            return self.make(_take_first(schema["anyOf"], f"{at}.anyOf"), f"{at}.anyOf[0]")
        kind = schema.get("type", "object" if "properties" in schema else "null")
        if isinstance(kind, list):
            kind = _take_first(kind, f"{at}.type")
        return self._make_kind(kind, schema, at)

    def _make_kind(self, kind: Any, schema: Mapping[str, Any], at: str) -> Any:
        match kind:
            case "object":
                return self._make_object(schema, at)
            case "array":
                size = _choose_size(schema, "minItems", "maxItems", 1, at)
                return [self.make(schema.get("items", {}), f"{at}[{number}]") for number in range(size)]
            case "string":
                return (_WORD * _MOST)[: _choose_size(schema, "minLength", "maxLength", len(_WORD), at)]
            case "integer" | "number":
                return _choose_number(schema, kind, at)
            case "boolean":
                return True
            case "null":
                return None
        raise UnsupportedSchema(f"{at}.type: {kind!r} is not a type")

    def _make_object(self, schema: Mapping[str, Any], at: str) -> dict[str, Any]:
        properties, required = schema.get("properties", {}), schema.get("required", [])
        if not isinstance(properties, dict):
            raise UnsupportedSchema(f"{at}.properties: must be an object")
        if not isinstance(required, list) or any(not isinstance(name, str) for name in required):
            raise UnsupportedSchema(f"{at}.required: must be an array of names")
        parts = dict(properties)
        for name in required:
            parts.setdefault(name, schema.get("additionalProperties", True))
        return {name: self.make(part, f"{at}.{name}") for name, part in parts.items()}


def _take_first(value: Any, at: str) -> Any:
    if not isinstance(value, list) or not value:
        raise UnsupportedSchema(f"{at}: must be an array of at least one")
    return value[0]


def _choose_size(schema: Mapping[str, Any], least: str, most: str, usual: int, at: str) -> int:
    """The usual size, within the bounds."""
    low, high = schema.get(least, 0), schema.get(most, _MOST)
    if type(low) is not int or type(high) is not int or not 0 <= low <= high or low > _MOST:
        raise UnsupportedSchema(f"{at}: no size lies between {least} {low!r} and {most} {high!r}"[:200])
    return min(max(usual, low), high)


def _choose_number(schema: Mapping[str, Any], kind: str, at: str) -> float:
    """1, one of the bounds, a number beside one of them, or their middle: the first that obeys the bounds."""
    for name in ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"):
        bound = schema.get(name, 0)
        if type(bound) not in (int, float) or not math.isfinite(bound):
            raise UnsupportedSchema(f"{at}.{name}: must be a number")
    least, above = schema.get("minimum", -math.inf), schema.get("exclusiveMinimum", -math.inf)
    most, below = schema.get("maximum", math.inf), schema.get("exclusiveMaximum", math.inf)
    low, high = max(least, above), min(most, below)
    for number in (1, low, high, low + 1, high + 1, low - 1, high - 1, (low + high) / 2):
        if not math.isfinite(number):
            continue
        if kind == "integer":
            number = math.floor(number)
        if least <= number <= most and above < number < below:
            return number
    raise UnsupportedSchema(f"{at}: no {kind} lies between its bounds")
