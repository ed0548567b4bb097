"""Schemas from a document that a peer wrote: brought to one form, bounded, never a crash."""

from __future__ import annotations

from typing import Any

import pytest

from harness.protocols.shared import openapi
from harness.protocols.shared.json_schema import MAX_SAFE_INTEGER, UnusableSchema, simplify_schema
from harness.protocols.shared.valid_input import (
    derive_schema,
    is_bounded,
    limit_amounts,
    narrow_schema,
    split_schema,
)

NUMBER = {"type": "number"}
FREE = {"type": "array", "items": {"type": "array", "items": NUMBER}}


def make_closed_schema(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**schema, "required": list(required)} if required else schema


def document(schema: Any, **schemas: Any) -> dict[str, Any]:
    body = {"content": {"application/json": {"schema": schema}}}
    return {"paths": {"/predict": {"post": {"requestBody": body}}}, "components": {"schemas": schemas}}


def test_references_annotations_and_the_older_dialect_are_gone() -> None:
    schema = {"$ref": "#/components/schemas/Body"}
    body = {
        "title": "Body",
        "type": "object",
        "required": ["x", "id"],
        "properties": {
            "x": {"$ref": "#/components/schemas/X~1Y"},
            "id": {"type": "string", "readOnly": True},
            "n": {"type": "integer", "format": "int32", "example": 3},
            "m": {"type": "number", "minimum": 0, "exclusiveMinimum": True, "nullable": True},
        },
    }
    body_schema = openapi.find_body_schema(
        document(schema, Body=body, **{"X/Y": {"type": "integer", "description": "x"}}), "/predict"
    )
    assert body_schema == make_closed_schema(
        {
            "x": {"type": "integer", "minimum": -MAX_SAFE_INTEGER, "maximum": MAX_SAFE_INTEGER},
            "n": {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
            "m": {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "null"}]},
        },
        "x",
    )


def test_a_reference_with_escapes_is_followed_to_an_example() -> None:
    schema = {"$ref": "#/components/schemas/X~1Y"}
    assert openapi.find_example(document(schema, **{"X/Y": {"type": "integer", "minimum": 3}}), "/predict") == 3


def test_recursion_ends_where_a_part_may_be_left_out() -> None:
    tree = {"properties": {"value": NUMBER, "left": {"$ref": "#/components/schemas/Tree"}}, "required": ["value"]}
    body_schema = openapi.find_body_schema(document({"$ref": "#/components/schemas/Tree"}, Tree=tree), "/predict")
    assert body_schema is not None
    assert body_schema["properties"]["left"]["properties"].keys() == {"value"}


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/components/schemas/Loop"},
        {"$ref": "#/components/schemas/Missing"},
        {"$ref": "http://elsewhere/schema.json"},
        {"type": "string", "pattern": "(a+)+$"},
        {"type": "string", "pattern": "("},
        {"type": "string", "pattern": "x" * 500},
        {"enum": ["x" * 300_000]},
        {"anyOf": [{"type": "object", "properties": {f"p{i}": NUMBER for i in range(900)}} for _ in range(9)]},
        "text",
        None,
    ],
)
def test_what_cannot_be_used_is_no_schema(schema: Any) -> None:
    loop = {"properties": {"next": {"$ref": "#/components/schemas/Loop"}}, "required": ["next"]}
    assert openapi.find_body_schema(document(schema, Loop=loop), "/predict") is None


@pytest.mark.parametrize("value", [None, [], {}, 3, {"paths": []}, {"paths": {"/predict": {"post": 3}}}])
def test_a_document_of_any_kind_is_read(value: Any) -> None:
    assert openapi.find_body_schema(value, "/predict") is None


def test_parts_of_one_object_become_one() -> None:
    parts = [{"properties": {"a": NUMBER}, "required": ["a"]}, {"type": "object", "properties": {"b": NUMBER}}]
    assert simplify_schema({}, {"allOf": parts}) == make_closed_schema({"a": NUMBER, "b": NUMBER}, "a")
    with pytest.raises(UnusableSchema):
        simplify_schema({}, {"allOf": [{"$ref": "#/nothing"}]})


def test_the_input_and_what_stands_beside_it() -> None:
    body = make_closed_schema(
        {"data": make_closed_schema({"x": FREE}), "top_k": {"type": "integer"}, "id": {"type": "string"}}, "data", "id"
    )
    schema = split_schema({"data": {"x": "@"}}, "@", body)
    assert schema == {
        "input": FREE,
        "options": {"top_k": {"type": "integer"}, "id": {"type": "string"}},
        "required": ["id"],
    }
    assert split_schema("@", "@", body) == {"input": body, "options": {}, "required": []}
    assert split_schema({"rows": "@"}, "@", body) is None
    assert split_schema({"data": {"y": "@"}}, "@", body) is None


def test_open_lengths_are_the_sample_s() -> None:
    schema = narrow_schema(FREE, [[[1.0, 2.0, 3.0]]])
    assert (schema["minItems"], schema["maxItems"]) == (1, 4)
    assert (schema["items"]["minItems"], schema["items"]["maxItems"]) == (3, 3)
    row = narrow_schema({"type": "array", "items": NUMBER}, [[1.0, 2.0]])
    assert (row["minItems"], row["maxItems"]) == (2, 2)
    stated = narrow_schema({**FREE, "minItems": 2, "maxItems": 900}, [[[1.0]]])
    assert (stated["minItems"], stated["maxItems"]) == (2, 4)


def test_a_sample_is_a_schema_of_what_is_like_it() -> None:
    schema = derive_schema([[0, 2.5], [1, 7]])
    assert schema["maxItems"] == 4
    assert schema["items"]["items"] == {"type": "number", "minimum": 0, "maximum": 7}
    assert derive_schema({"text": "hi"})["properties"]["text"]["anyOf"][0] == {"enum": ["hi"]}
    assert derive_schema([[1, 2], [3, 4]])["items"]["items"]["type"] == "integer"


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (NUMBER, False),
        ({"type": "number", "minimum": 0, "maximum": 1}, True),
        ({"type": "integer", "minimum": -MAX_SAFE_INTEGER, "maximum": MAX_SAFE_INTEGER}, False),
        (FREE, False),
        ({"type": "array", "items": {"enum": [1, 2]}, "maxItems": 3}, True),
        ({"type": "string"}, False),
        ({"type": "object", "properties": {"a": {"const": 1}}}, False),
        (make_closed_schema({"a": {"const": 1}}), True),
    ],
)
def test_what_is_wholly_announced(schema: dict[str, Any], expected: bool) -> None:
    assert is_bounded(schema) is expected


@pytest.mark.parametrize(
    ("name", "schema", "most"),
    [
        ("max_tokens", {"type": "integer"}, 16),
        ("maxNewTokens", {"type": "integer"}, 16),
        ("n", {"type": "integer", "minimum": 40}, 40),
        ("horizon", {"type": "integer", "maximum": 1000}, 1000),
        ("top_k", {"type": "integer", "exclusiveMinimum": 0}, 16),
        ("num_rooms", {"type": "integer"}, None),
        ("petal_length", {"type": "number"}, None),
        ("tokens", {"type": "string"}, None),
    ],
)
def test_amounts_of_work_without_a_largest_value_get_one(name: str, schema: dict[str, Any], most: int | None) -> None:
    limited = limit_amounts(
        make_closed_schema({"outer": make_closed_schema({name: {"anyOf": [schema, {"type": "null"}]}})})
    )
    option = limited["properties"]["outer"]["properties"][name]["anyOf"][0]
    assert option == ({**schema, "maximum": most} if most is not None else schema)
    as_list = limit_amounts(make_closed_schema({name: {"type": "array", "items": schema}}))
    assert as_list["properties"][name]["items"] == option
