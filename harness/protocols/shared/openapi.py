"""What an OpenAPI document says about a POST route: whether it exists, an example and the schema of its body."""

from __future__ import annotations

import json
from typing import Any

from harness.protocols.shared.json_schema import (
    Schema,
    UnusableSchema,
    follow_reference,
    resolve_reference,
    simplify_schema,
)
from harness.protocols.shared.values import get_list, get_member

_LONGEST_SCHEMA = 200_000
_MOST_STEPS = 200
_MOST_ELEMENTS = 200_000


def has_post(document: Any, *paths: str) -> bool | None:
    """Whether the document has POST on one of the paths; None if it is not an OpenAPI document."""
    routes = get_member(document, "paths")
    if not isinstance(routes, dict):
        return None
    return any("post" in route for path in paths if isinstance(route := routes.get(path), dict))


def find_example(document: Any, *paths: str) -> Any:
    """An example of the body for POST on the first of the paths that the document has, or None.

    It is the example in the document. Without one it is made from the schema, if this requires no guessing: only from
    arrays of a stated length and from required properties.
    """
    content = _find_content(document, *paths)
    if content is None:
        return None
    if "example" in content:
        return content["example"]
    examples = content.get("examples")
    if isinstance(examples, dict):
        for example in examples.values():
            if isinstance(example, dict) and "value" in example:
                return example["value"]
    try:
        return _ExampleMaker(document).make_value(content.get("schema"))
    except UnusableSchema:
        return None


def find_body_schema(document: Any, *paths: str) -> Schema | None:
    """The simplified schema of the body for POST on the first of the paths that the document has, or None."""
    content = _find_content(document, *paths)
    if content is None or "schema" not in content:
        return None
    try:
        schema = simplify_schema(document, content["schema"])
    except UnusableSchema:
        return None
    return schema if len(json.dumps(schema, default=str)) <= _LONGEST_SCHEMA else None


def find_raw_schema(document: Any, path: str) -> Any:
    """The schema of the JSON body for POST on a path, as the document has it; None if it has none."""
    return get_member(_find_content(document, path), "schema")


def find_raw_example(document: Any, path: str) -> Any:
    """The example of a whole body that the document has for POST on a path; None if it has none."""
    content = _find_content(document, path)
    schema = follow_reference(document, get_member(content, "schema"))
    listed = [get_member(example, "value") for example in (get_member(content, "examples") or {}).values()]
    examples = [get_member(content, "example"), *listed, get_member(schema, "example"), *get_list(schema, "examples")]
    return next((example for example in examples if example is not None), None)


def _find_content(document: Any, *paths: str) -> dict[str, Any] | None:
    """The description of the JSON body for POST on the first of these paths that has one."""
    if not has_post(document, *paths):
        return None
    for path in paths:
        body = follow_reference(document, get_member(document, "paths", path, "post", "requestBody"))
        content = get_member(body, "content", "application/json")
        if isinstance(content, dict):
            return content
    return None


class _ExampleMaker:
    """Makes valid values for the schemas of a document; the steps are limited, because the document is not trusted."""

    def __init__(self, document: Any) -> None:
        self._document = document
        self._steps_left = _MOST_STEPS

    def make_value(self, schema: Any) -> Any:
        """A valid value for a schema. Raises `UnusableSchema` if it does not determine one."""
        self._steps_left -= 1
        if not isinstance(schema, dict) or self._steps_left < 0:
            raise UnusableSchema
        reference = schema.get("$ref")
        if isinstance(reference, str):
            return self.make_value(resolve_reference(self._document, reference))
        for name in ("example", "default", "const"):
            if schema.get(name) is not None:
                return schema[name]
        for name in ("examples", "enum"):
            if isinstance(schema.get(name), list) and schema[name]:
                return schema[name][0]
        for name in ("anyOf", "oneOf", "allOf"):
            choices = schema.get(name)
            if isinstance(choices, list) and choices and (name != "allOf" or len(choices) == 1):
                return self.make_value(choices[0])
        return self._make_by_type(schema)

    def _make_by_type(self, schema: dict[str, Any]) -> Any:
        kind = schema.get("type")
        if kind == "object" and isinstance(schema.get("properties"), dict):
            properties, required = schema["properties"], get_list(schema, "required")
            return {str(name): self.make_value(properties.get(str(name))) for name in required}
        if kind == "array":
            count = schema.get("minItems")
            if type(count) is not int or count < 1:
                raise UnusableSchema
            item = self.make_value(schema.get("items"))
            if _count_values(item) * count > _MOST_ELEMENTS:
                raise UnusableSchema
            return [item] * count
        if kind in ("number", "integer"):
            low, high = schema.get("minimum", 0), schema.get("maximum")
            if type(low) not in (int, float) or "exclusiveMinimum" in schema:
                raise UnusableSchema
            if type(high) in (int, float) and high < low:
                raise UnusableSchema
            return low
        if kind == "string" and not {"pattern", "format", "minLength"} & schema.keys():
            return "hello"
        if kind == "boolean":
            return False
        raise UnusableSchema


def _count_values(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + sum(map(_count_values, value)) if isinstance(value, list) else 1
