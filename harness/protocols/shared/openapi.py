"""What an OpenAPI document says about a POST route: whether it exists, an example and the schema of its body."""

from __future__ import annotations

import json
from typing import Any

from harness.core.json_path import JSONPath
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


def has_operation(document: Any, method: str, *paths: str) -> bool | None:
    """Whether the document has this method on one of the paths; None if it is not an OpenAPI document."""
    routes = get_member(document, "paths")
    if not isinstance(routes, dict):
        return None
    return any(isinstance(get_member(routes.get(path), method.lower()), dict) for path in paths)


def find_example(document: Any, *paths: str, encoding: str = "json") -> Any:
    """An example of the body in this encoding on the first of the paths that the document has, or None.

    It is the example in the document. Without one it is made from the schema, if this requires no guessing: only from
    arrays of a stated length and from required properties.
    """
    content = _find_content(document, encoding, *paths)
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


def find_body_schema(document: Any, *paths: str, encoding: str = "json") -> Schema | None:
    """The simplified schema of the body on the first of the paths that the document has, or None."""
    content = _find_content(document, encoding, *paths)
    if content is None or "schema" not in content:
        return None
    try:
        schema = simplify_schema(document, content["schema"])
    except UnusableSchema:
        return None
    return schema if len(json.dumps(schema, default=str)) <= _LONGEST_SCHEMA else None


def find_raw_schema(document: Any, path: str, encoding: str = "json") -> Any:
    """The schema of the body on a path, as the document has it; None if it has none."""
    return get_member(_find_content(document, encoding, path), "schema")


def find_raw_example(document: Any, path: str, encoding: str = "json") -> Any:
    """The example of a whole body that the document has for a path; None if it has none."""
    content = _find_content(document, encoding, path)
    schema = follow_reference(document, get_member(content, "schema"))
    listed = [get_member(example, "value") for example in (get_member(content, "examples") or {}).values()]
    examples = [get_member(content, "example"), *listed, get_member(schema, "example"), *get_list(schema, "examples")]
    return next((example for example in examples if example is not None), None)


def find_security(document: Any, path: str) -> tuple[str, str] | None:
    """How POST on a path is authenticated, as `[endpoint.credentials]` has it: the scheme, and the header's name.

    `("", why)` where it is in a form that no configuration describes; None where nothing is asked. An alternative
    without credentials means that none are needed; of several schemes the first that can be configured counts.
    """
    operation = get_member(document, "paths", path, "post")
    alternatives = get_list(document, "security")
    if isinstance(get_member(operation, "security"), list):
        alternatives = get_list(operation, "security")
    schemes = get_member(document, "components", "securitySchemes") or get_member(document, "securityDefinitions")
    names = [str(name) for one in alternatives if isinstance(one, dict) for name in one]
    if {} in alternatives or not names:
        return None
    forms = [_describe_scheme(follow_reference(document, get_member(schemes, name))) for name in names]
    return next((form for form in forms if form[0]), forms[0])


def _describe_scheme(scheme: Any) -> tuple[str, str]:
    kind, place = get_member(scheme, "type"), get_member(scheme, "in")
    style = str(get_member(scheme, "scheme") or "").lower()
    if kind == "apiKey" and place == "header":
        return "header", str(get_member(scheme, "name") or "X-API-Key")
    if kind == "basic" or (kind == "http" and style == "basic"):
        return "basic", "Authorization"
    if kind in ("oauth2", "openIdConnect") or (kind == "http" and style == "bearer"):
        return "bearer", "Authorization"
    return "", f"{kind or 'an unknown scheme'} {style or place or ''}".strip()


def find_answer_schema(document: Any, method: str, path: str, steps: JSONPath) -> Schema:
    """The simplified schema of the value at a place of the answer with status 200; empty where it is not announced."""
    response = follow_reference(document, get_member(document, "paths", path, method.lower(), "responses", "200"))
    schema = get_member(response, "content", "application/json", "schema")
    for step in steps:
        schema = follow_reference(document, schema)
        schema = get_member(schema, "items") if isinstance(step, int) else get_member(schema, "properties", step)
    try:
        return simplify_schema(document, schema)
    except UnusableSchema:
        return {}


def _find_content(document: Any, encoding: str, *paths: str) -> dict[str, Any] | None:
    """The description of the body on the first of these paths that has one; of parameters, as that of an object."""
    for path in paths:
        if encoding in ("query", "get"):
            operation = get_member(document, "paths", path, "post" if encoding == "query" else "get")
            if parameters := list_query_parameters(document, operation):
                return {"schema": _join_parameters(parameters)}
            continue
        body = follow_reference(document, get_member(document, "paths", path, "post", "requestBody"))
        media = "application/x-www-form-urlencoded" if encoding == "form" else "application/json"
        content = get_member(body, "content", media)
        if isinstance(content, dict):
            return content
    return None


def list_query_parameters(document: Any, operation: Any) -> list[Any]:
    """The parameters of an operation that stand in the query of its URL, as the document has them."""
    parameters = [follow_reference(document, one) for one in get_list(operation, "parameters")]
    return [one for one in parameters if get_member(one, "in") == "query" and get_member(one, "name")]


def _join_parameters(parameters: list[Any]) -> dict[str, Any]:
    """The schema of an object with these parameters as its members (OpenAPI 2 has the type beside the name)."""
    properties = {str(one["name"]): get_member(one, "schema") or one for one in parameters}
    required = [str(one["name"]) for one in parameters if one.get("required") is True]
    return {"type": "object", "properties": properties, "required": required}


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
