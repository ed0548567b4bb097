"""JSON Schemas out of an OpenAPI document, brought to one plain form.

Documents come from the peer: references are followed inside the document only, within a budget of steps and depth, and
the schemas that come out hold no reference and no annotation, so that they can be handed on as plain data. They keep
to JSON Schema 2020-12 whatever the document's version is (`nullable` and boolean exclusive bounds are 3.0's).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]

MAX_SAFE_INTEGER = 2**53 - 1
"""Largest whole number that every JSON reader keeps (RFC 7493 section 2.2): the bound where none is stated."""
MAX_FLOAT32 = 3.4028234e38
_MOST_STEPS = 2_000
_DEEPEST = 16
_LONGEST_PATTERN = 200

_ANNOTATIONS = frozenset(
    [
        *("title", "description", "default", "example", "examples", "deprecated", "readOnly", "writeOnly"),
        *("discriminator", "xml", "externalDocs", "nullable", "contentMediaType", "contentEncoding", "contentSchema"),
        *("$schema", "$id", "$defs", "$comment", "$anchor", "definitions"),
    ]
)
_ONE = ("items", "contains", "not", "if", "then", "else", "propertyNames", "additionalProperties")
_MANY = ("anyOf", "oneOf", "allOf", "prefixItems")
_NAMED = ("properties", "patternProperties", "dependentSchemas")
_BOUNDS: Mapping[str, tuple[float, float]] = {
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "float": (-MAX_FLOAT32, MAX_FLOAT32),
}
_BASE64 = "^(?:[A-Za-z0-9+/]{4}){0,4}$"
_RUNAWAY = re.compile(r"[+*}]\)?[^()]*\)[+*{]")
"""A repeated group that ends in, or holds, a repetition: matching it may take exponential time."""


class UnusableSchema(Exception):
    """The schema refers to what is not in the document, has no end, is too large, or leaves open what is asked."""


def simplify_schema(document: Any, schema: Any) -> Schema:
    """The schema without references and annotations, bounded where JSON is not. Raises `Unusable`.

    An object takes only the properties that it names, unless it says that it takes more: what is not announced is not
    sent. Recursion ends where a property or an alternative may be left out.
    """
    return _Tidy(document).schema(schema, ())


class _Tidy:
    def __init__(self, document: Any) -> None:
        self._document = document
        self._left = _MOST_STEPS

    def schema(self, given: Any, way: tuple[str, ...], *, part: bool = False) -> Schema:
        self._left -= 1
        if self._left < 0 or len(way) > _DEEPEST:
            raise UnusableSchema
        if isinstance(given, bool):
            return {} if given else {"not": {}}
        if not isinstance(given, dict):
            raise UnusableSchema
        reference = given.get("$ref")
        if isinstance(reference, str):
            if way.count(reference) > 1:
                raise UnusableSchema
            beside = {key: value for key, value in given.items() if key != "$ref"}
            target = self.schema(resolve_reference(self._document, reference), (*way, reference), part=part)
            more = self.schema(beside, (*way, ""), part=True) if beside.keys() - _ANNOTATIONS else {}
            return {**target, **more}
        found = {key: value for key, value in given.items() if key not in _ANNOTATIONS and not key.startswith("x-")}
        self._parts(found, way)
        _bounded(found, given)
        if "properties" in found:
            found.setdefault("type", "object")
            if not part and not {"allOf", "patternProperties"} & found.keys():
                found.setdefault("additionalProperties", False)
        if given.get("nullable") is True and "type" in found:
            return {"anyOf": [found, {"type": "null"}]}
        return found

    def _parts(self, found: Schema, way: tuple[str, ...]) -> None:
        for key in _ONE:
            if isinstance(found.get(key), dict):
                found[key] = self.schema(found[key], (*way, ""), part=key == "not")
        for key in _MANY:
            if isinstance(found.get(key), list):
                found[key] = self._several(key, found[key], way)
        for key in _NAMED:
            if isinstance(found.get(key), dict):
                found[key] = self._named(found, found[key], way)
        if isinstance(found.get("allOf"), list):
            _merge(found)

    def _several(self, key: str, parts: list[Any], way: tuple[str, ...]) -> list[Schema]:
        kept = []
        for each in parts:
            try:
                kept.append(self.schema(each, (*way, ""), part=key == "allOf"))
            except UnusableSchema:
                if key in ("allOf", "prefixItems") or self._left < 0:
                    raise
        if not kept:
            raise UnusableSchema
        return kept

    def _named(self, found: Schema, parts: dict[str, Any], way: tuple[str, ...]) -> Schema:
        required = found.get("required")
        required = required if isinstance(required, list) else []
        kept = {}
        for name, each in parts.items():
            if isinstance(each, dict) and each.get("readOnly") is True:
                found["required"] = required = [other for other in required if other != name]
                continue
            try:
                kept[str(name)] = self.schema(each, (*way, ""))
            except UnusableSchema:
                if name in required or self._left < 0:
                    raise
        return kept


def resolve_reference(document: Any, reference: str) -> Any:
    """What a reference inside the document points at (RFC 6901). Raises `Unusable`."""
    if not reference.startswith("#/"):
        raise UnusableSchema
    value = document
    for step in reference.removeprefix("#/").split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(value, dict) or name not in value:
            raise UnusableSchema
        value = value[name]
    return value


def _merge(found: Schema) -> None:
    """Put the parts of an `allOf` of plain objects into one object, which alone can be closed."""
    parts = found["allOf"]
    plain = {"type", "properties", "required"}
    beside = {key: value for key, value in found.items() if key != "allOf"}
    if any(part.keys() - plain or part.get("type", "object") != "object" for part in (*parts, beside)):
        return
    properties: Schema = {}
    required: list[Any] = []
    for part in (*parts, beside):
        if properties.keys() & part.get("properties", {}).keys():
            return
        properties |= part.get("properties", {})
        required += part.get("required", [])
    found.clear()
    found.update({"type": "object", "properties": properties})
    if required:
        found["required"] = list(dict.fromkeys(required))


def _bounded(found: Schema, given: Mapping[str, Any]) -> None:
    """Numbers get the range of their format, or of JSON; strings and patterns what can be made of them."""
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if found.get(exclusive) is True:
            found[exclusive] = found.pop(bound, None)
        if found.get(exclusive) is False or found.get(exclusive) is None:
            found.pop(exclusive, None)
    kind, style = found.get("type"), str(given.get("format", ""))
    kinds = kind if isinstance(kind, list) else [kind]
    if "integer" in kinds or (style == "float" and "number" in kinds):
        low, high = _BOUNDS.get(style, (-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER))
        if not {"minimum", "exclusiveMinimum"} & found.keys():
            found["minimum"] = low
        if not {"maximum", "exclusiveMaximum"} & found.keys():
            found["maximum"] = high
    if style in _BOUNDS or style == "double":
        found.pop("format", None)
    if style == "byte" or given.get("contentEncoding") == "base64":
        found.pop("format", None)
        found["pattern"] = _BASE64
    pattern = found.get("pattern")
    if pattern is not None and not _safe(pattern):
        raise UnusableSchema


def _safe(pattern: Any) -> bool:
    if pattern == _BASE64:
        return True
    if not isinstance(pattern, str) or len(pattern) > _LONGEST_PATTERN or _RUNAWAY.search(pattern):
        return False
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return False
    return True
