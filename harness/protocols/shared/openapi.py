"""What an OpenAPI document says of a POST route: that it is there, an example of its body, and the body's schema."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from harness.protocols.shared.json_schema import Schema, UnusableSchema, resolve_reference, simplify_schema
from harness.protocols.shared.values import get_member

_LONGEST_SCHEMA = 200_000
_MOST_STEPS = 200
_MOST_ELEMENTS = 200_000


def has_post(document: Any, *paths: str) -> bool | None:
    """Whether the document lists POST for one of the paths; None when it is no OpenAPI document."""
    routes = get_member(document, "paths")
    if not isinstance(routes, dict):
        return None
    return any(isinstance(route := routes.get(path), dict) and "post" in route for path in paths)


def find_example(document: Any, *paths: str) -> Any:
    """An example body for POST on the first of the paths that the document has, or None.

    The document's own example comes first; without one it is made from the schema, if that leaves nothing to guess:
    arrays of a stated length, required properties only.
    """
    found = _body(document, *paths)
    if found is None:
        return None
    if "example" in found:
        return found["example"]
    named = found.get("examples")
    if isinstance(named, dict):
        for each in named.values():
            if isinstance(each, dict) and "value" in each:
                return each["value"]
    try:
        return _Maker(document).make(found.get("schema"))
    except UnusableSchema:
        return None


def find_body_schema(document: Any, *paths: str) -> Schema | None:
    """The schema of the body of POST on the first of the paths that the document has, in its plain form, or None."""
    found = _body(document, *paths)
    if found is None or "schema" not in found:
        return None
    try:
        made = simplify_schema(document, found["schema"])
    except UnusableSchema:
        return None
    return made if len(json.dumps(made, default=str)) <= _LONGEST_SCHEMA else None


def _body(document: Any, *paths: str) -> dict[str, Any] | None:
    if not has_post(document, *paths):
        return None
    for path in paths:
        body = get_member(document, "paths", path, "post", "requestBody")
        reference = get_member(body, "$ref")
        if isinstance(reference, str):
            with suppress(UnusableSchema):
                body = resolve_reference(document, reference)
        found = get_member(body, "content", "application/json")
        if isinstance(found, dict):
            return found
    return None


class _Maker:
    """Makes valid values of a document's schemas, within a budget: the document comes from the peer."""

    def __init__(self, document: Any) -> None:
        self._document = document
        self._left = _MOST_STEPS

    def make(self, schema: Any) -> Any:
        """A valid value of a schema. Raises `Unusable` where it leaves open what that is."""
        self._left -= 1
        if not isinstance(schema, dict) or self._left < 0:
            raise UnusableSchema
        reference = schema.get("$ref")
        if isinstance(reference, str):
            return self.make(resolve_reference(self._document, reference))
        for name in ("example", "default", "const"):
            if schema.get(name) is not None:
                return schema[name]
        for name in ("examples", "enum"):
            if isinstance(schema.get(name), list) and schema[name]:
                return schema[name][0]
        for name in ("anyOf", "oneOf", "allOf"):
            choices = schema.get(name)
            if isinstance(choices, list) and choices and (name != "allOf" or len(choices) == 1):
                return self.make(choices[0])
        return self._of_type(schema)

    def _of_type(self, schema: dict[str, Any]) -> Any:
        kind = schema.get("type")
        if kind == "object" and isinstance(schema.get("properties"), dict):
            required = schema.get("required")
            names = required if isinstance(required, list) else []
            return {str(name): self.make(schema["properties"].get(str(name))) for name in names}
        if kind == "array":
            count = schema.get("minItems")
            if type(count) is not int or count < 1:
                raise UnusableSchema
            item = self.make(schema.get("items"))
            if _size(item) * count > _MOST_ELEMENTS:
                raise UnusableSchema
            return [item] * count
        if kind in ("number", "integer"):
            least, most = schema.get("minimum", 0), schema.get("maximum")
            if type(least) not in (int, float) or "exclusiveMinimum" in schema:
                raise UnusableSchema
            if type(most) in (int, float) and most < least:
                raise UnusableSchema
            return least
        if kind == "string" and not {"pattern", "format", "minLength"} & schema.keys():
            return "hello"
        if kind == "boolean":
            return False
        raise UnusableSchema


def _size(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + sum(map(_size, value.values()))
    return 1 + sum(map(_size, value)) if isinstance(value, list) else 1
