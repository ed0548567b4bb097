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
    """A value that the schema accepts. Raises `Unsupported`.

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
            return _some(schema["enum"], f"{at}.enum")[0]
        if "anyOf" in schema:
            return self.make(_some(schema["anyOf"], f"{at}.anyOf")[0], f"{at}.anyOf[0]")
        given = schema.get("type", "object" if "properties" in schema else "null")
        kind = _some(given, f"{at}.type")[0] if isinstance(given, list) else given
        match kind:
            case "object":
                return self._object(schema, at)
            case "array":
                return self._array(schema, at)
            case "string":
                return (_WORD * _MOST)[: _size(schema, "minLength", "maxLength", len(_WORD), at)]
            case "integer" | "number":
                return _number(schema, kind, at)
            case "boolean":
                return True
            case "null":
                return None
        raise UnsupportedSchema(f"{at}.type: {kind!r} is no type")

    def _object(self, schema: Mapping[str, Any], at: str) -> dict[str, Any]:
        properties, required = schema.get("properties", {}), schema.get("required", [])
        if not isinstance(properties, dict):
            raise UnsupportedSchema(f"{at}.properties: must be an object")
        if not isinstance(required, list) or any(not isinstance(name, str) for name in required):
            raise UnsupportedSchema(f"{at}.required: must be an array of names")
        made = {name: self.make(each, f"{at}.{name}") for name, each in properties.items()}
        further = schema.get("additionalProperties", True)
        return made | {name: self.make(further, f"{at}.{name}") for name in required if name not in made}

    def _array(self, schema: Mapping[str, Any], at: str) -> list[Any]:
        size = _size(schema, "minItems", "maxItems", 1, at)
        return [self.make(schema.get("items", {}), f"{at}[{number}]") for number in range(size)]


def _some(value: Any, at: str) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise UnsupportedSchema(f"{at}: must be an array of at least one")
    return value


def _size(schema: Mapping[str, Any], least: str, most: str, usual: int, at: str) -> int:
    """The usual size, within the bounds."""
    low, high = schema.get(least, 0), schema.get(most, _MOST)
    if type(low) is not int or type(high) is not int or not 0 <= low <= high or low > _MOST:
        raise UnsupportedSchema(f"{at}: no size lies between {least} {low!r} and {most} {high!r}"[:200])
    return min(max(usual, low), high)


def _number(schema: Mapping[str, Any], kind: str, at: str) -> float:
    bounds = {name: schema[name] for name in schema if name.lower().endswith(("minimum", "maximum"))}
    for name, bound in bounds.items():
        if type(bound) not in (int, float) or not math.isfinite(bound):
            raise UnsupportedSchema(f"{at}.{name}: must be a number")
    low = max((bounds[name] for name in ("minimum", "exclusiveMinimum") if name in bounds), default=-math.inf)
    high = min((bounds[name] for name in ("maximum", "exclusiveMaximum") if name in bounds), default=math.inf)

    def obeys(value: float) -> bool:
        inside = bounds.get("exclusiveMinimum", -math.inf) < value < bounds.get("exclusiveMaximum", math.inf)
        return low <= value <= high and inside

    known = [bound for bound in (low, high) if math.isfinite(bound)]
    tried: list[float] = [1, *(near for each in known for near in (each, each + 1, each - 1)), sum(known) / 2]
    if kind == "integer":
        tried = [1, *(near for each in known for near in (math.ceil(each), math.floor(each) + 1, math.ceil(each) - 1))]
    found = next((each for each in tried if obeys(each)), None)
    if found is None:
        raise UnsupportedSchema(f"{at}: no {kind} lies between its bounds")
    return found
