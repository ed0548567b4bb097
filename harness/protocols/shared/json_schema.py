"""JSON Schemas from an OpenAPI document, in a simplified form.

Documents are not trusted: references are followed only inside the document, with limits on steps and depth. The
simplified schemas contain no references and no annotations, so that they can be passed on as plain data. They conform
to JSON Schema 2020-12 for every version of OpenAPI (`nullable` and boolean exclusive bounds exist only in 3.0).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from harness.protocols.shared.values import get_list

Schema = dict[str, Any]

MAX_SAFE_INTEGER = 2**53 - 1
"""The largest integer that every JSON parser preserves (RFC 7493 section 2.2): the bound if none is stated."""
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
_WITH_SCHEMA = ("items", "contains", "not", "if", "then", "else", "propertyNames", "additionalProperties")
_WITH_LIST = ("anyOf", "oneOf", "allOf", "prefixItems")
_WITH_OBJECT = ("properties", "patternProperties", "dependentSchemas")
"""The keywords whose value is a schema, a list of schemas, and an object of schemas."""
_BOUNDS: Mapping[str, tuple[float, float]] = {
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "float": (-MAX_FLOAT32, MAX_FLOAT32),
}
_BASE64 = "^(?:[A-Za-z0-9+/]{4}){0,4}$"
_SLOW_PATTERN = re.compile(r"[+*}]\)?[^()]*\)[+*{]")
"""A repeated group that contains a repetition: matching it may take exponential time."""


class UnusableSchema(Exception):
    """The schema cannot be used: a broken or endless reference, too large, or it does not determine a value."""


def simplify_schema(document: Any, schema: Any) -> Schema:
    """The schema without references and annotations, with bounds for numbers. Raises `UnusableSchema`.

    An object allows only the properties that it names, unless it explicitly allows others: what is not documented is
    not sent. A recursion ends at an optional property, or by leaving out an alternative.
    """
    return _Simplifier(document).simplify(schema, ())


class _Simplifier:
    def __init__(self, document: Any) -> None:
        self._document = document
        self._steps_left = _MOST_STEPS

    def simplify(self, schema: Any, references: tuple[str, ...], *, is_part: bool = False) -> Schema:
        """Simplify one schema. `references` lead to it ("" for other steps); `is_part`: other schemas apply too."""
        self._steps_left -= 1
        if self._steps_left < 0 or len(references) > _DEEPEST:
            raise UnusableSchema
        if isinstance(schema, bool):
            return {} if schema else {"not": {}}
        if not isinstance(schema, dict):
            raise UnusableSchema
        reference = schema.get("$ref")
        if isinstance(reference, str):
            return self._follow_reference(reference, schema, references, is_part)
        simple = {key: value for key, value in schema.items() if key not in _ANNOTATIONS and not key.startswith("x-")}
        self._simplify_parts(simple, (*references, ""))
        _limit_values(simple, schema)
        if "properties" in simple:
            simple.setdefault("type", "object")
            if not is_part and not {"allOf", "patternProperties"} & simple.keys():
                simple.setdefault("additionalProperties", False)
        if schema.get("nullable") is True and "type" in simple:
            return {"anyOf": [simple, {"type": "null"}]}
        return simple

    def _follow_reference(self, reference: str, schema: Schema, references: tuple[str, ...], is_part: bool) -> Schema:
        if references.count(reference) > 1:
            raise UnusableSchema
        target = resolve_reference(self._document, reference)
        simple = self.simplify(target, (*references, reference), is_part=is_part)
        others = {key: value for key, value in schema.items() if key != "$ref"}
        if others.keys() - _ANNOTATIONS:
            simple = {**simple, **self.simplify(others, (*references, ""), is_part=True)}
        return simple

    def _simplify_parts(self, simple: Schema, references: tuple[str, ...]) -> None:
        for key in _WITH_SCHEMA:
            if isinstance(simple.get(key), dict):
                simple[key] = self.simplify(simple[key], references, is_part=key == "not")
        for key in _WITH_LIST:
            if isinstance(simple.get(key), list):
                simple[key] = self._simplify_list(key, simple[key], references)
        for key in _WITH_OBJECT:
            if isinstance(simple.get(key), dict):
                simple[key] = self._simplify_properties(simple, simple[key], references)
        if isinstance(simple.get("allOf"), list):
            _merge_all_of(simple)

    def _simplify_list(self, key: str, parts: list[Any], references: tuple[str, ...]) -> list[Schema]:
        usable = []
        for part in parts:
            try:
                usable.append(self.simplify(part, references, is_part=key == "allOf"))
            except UnusableSchema:
                if key in ("allOf", "prefixItems") or self._steps_left < 0:
                    raise
        if not usable:
            raise UnusableSchema
        return usable

    def _simplify_properties(self, simple: Schema, parts: dict[str, Any], references: tuple[str, ...]) -> Schema:
        """The usable properties; a read-only one is removed from `required` of the schema."""
        required = get_list(simple, "required")
        usable = {}
        for name, part in parts.items():
            if isinstance(part, dict) and part.get("readOnly") is True:
                simple["required"] = required = [other for other in required if other != name]
                continue
            try:
                usable[str(name)] = self.simplify(part, references)
            except UnusableSchema:
                if name in required or self._steps_left < 0:
                    raise
        return usable


def resolve_reference(document: Any, reference: str) -> Any:
    """The value to which a reference inside the document points (RFC 6901). Raises `UnusableSchema`."""
    if not reference.startswith("#/"):
        raise UnusableSchema
    value = document
    for step in reference.removeprefix("#/").split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(value, dict) or name not in value:
            raise UnusableSchema
        value = value[name]
    return value


def follow_reference(document: Any, value: Any) -> Any:
    """What `$ref` in a value points to, the value itself without one, None where it points to nothing."""
    reference = value.get("$ref") if isinstance(value, dict) else None
    if not isinstance(reference, str):
        return value
    try:
        return resolve_reference(document, reference)
    except UnusableSchema:
        return None


def _merge_all_of(simple: Schema) -> None:
    """Merge the parts of an `allOf` of plain objects into one object, because only one object can forbid others."""
    plain = {"type", "properties", "required"}
    parts = [*simple["allOf"], {key: value for key, value in simple.items() if key != "allOf"}]
    if any(part.keys() - plain or part.get("type", "object") != "object" for part in parts):
        return
    properties: Schema = {}
    required: list[Any] = []
    for part in parts:
        if properties.keys() & part.get("properties", {}).keys():
            return
        properties |= part.get("properties", {})
        required += part.get("required", [])
    simple.clear()
    simple.update({"type": "object", "properties": properties})
    if required:
        simple["required"] = list(dict.fromkeys(required))


def _limit_values(simple: Schema, schema: Mapping[str, Any]) -> None:
    """Give numbers the range of their format or of JSON, and strings a pattern for which values can be generated."""
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if simple.get(exclusive) is True:
            simple[exclusive] = simple.pop(bound, None)
        if simple.get(exclusive) is None or simple.get(exclusive) is False:
            simple.pop(exclusive, None)
    kind, style = simple.get("type"), str(schema.get("format", ""))
    kinds = kind if isinstance(kind, list) else [kind]
    if "integer" in kinds or (style == "float" and "number" in kinds):
        low, high = _BOUNDS.get(style, (-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER))
        if not {"minimum", "exclusiveMinimum"} & simple.keys():
            simple["minimum"] = low
        if not {"maximum", "exclusiveMaximum"} & simple.keys():
            simple["maximum"] = high
    if style in _BOUNDS or style == "double":
        simple.pop("format", None)
    if style == "byte" or schema.get("contentEncoding") == "base64":
        simple.pop("format", None)
        simple["pattern"] = _BASE64
    pattern = simple.get("pattern")
    if pattern is not None and not _is_safe_pattern(pattern):
        raise UnusableSchema


def _is_safe_pattern(pattern: Any) -> bool:
    if pattern == _BASE64:
        return True
    if not isinstance(pattern, str) or len(pattern) > _LONGEST_PATTERN or _SLOW_PATTERN.search(pattern):
        return False
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return False
    return True
