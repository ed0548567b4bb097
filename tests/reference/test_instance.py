from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.reference.instance import UnsupportedSchema, make_instance

_BOUNDS = st.integers(-50, 50) | st.floats(-50, 50)
_SIZES = st.integers(0, 3)
_LEAVES = (
    st.sampled_from(["string", "integer", "number", "boolean", "null"]).map(lambda kind: {"type": kind})
    | st.lists(st.integers() | st.text(max_size=3), min_size=1, max_size=3).map(lambda values: {"enum": values})
    | st.none().map(lambda _: {"const": {"a": [1]}})
    | st.fixed_dictionaries(
        {"type": st.sampled_from(["integer", "number"])},
        optional=dict.fromkeys(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"], _BOUNDS),
    )
    | st.fixed_dictionaries({"type": st.just("string")}, optional={"minLength": _SIZES, "maxLength": st.integers(3, 9)})
)
_NAMES = st.text(min_size=1, max_size=4)


def _nest_schemas(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    objects = st.dictionaries(_NAMES, inner, max_size=3).map(
        lambda value: {"type": "object", "properties": value, "required": [*value], "additionalProperties": False}
    )
    arrays = st.fixed_dictionaries({"type": st.just("array"), "items": inner}, optional={"minItems": _SIZES})
    return objects | arrays | st.lists(inner, min_size=1, max_size=2).map(lambda value: {"anyOf": value})


@given(st.recursive(_LEAVES, _nest_schemas, max_leaves=8))
def test_an_instance_obeys_its_schema(schema: Any) -> None:
    try:
        instance = make_instance(schema)
    except UnsupportedSchema as error:
        assert "no integer lies" in str(error) or "no number lies" in str(error)  # noqa: PT017
        return
    jsonschema.validate(instance, schema)
    assert make_instance(schema) == instance


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({}, None),
        (True, None),
        ({"type": ["string", "null"]}, "text"),
        ({"properties": {"a": {"type": "boolean"}}, "required": ["a", "b"]}, {"a": True, "b": None}),
        ({"type": "array"}, [None]),
        ({"type": "array", "maxItems": 0}, []),
        ({"type": "number", "exclusiveMinimum": 2, "exclusiveMaximum": 2.5}, 2.25),
        ({"type": "integer", "minimum": 7, "description": "a"}, 7),
        ({"type": "string", "minLength": 6}, "textte"),
    ],
)
def test_instances(schema: Any, expected: Any) -> None:
    assert make_instance(schema) == expected


@pytest.mark.parametrize(
    "schema",
    [
        False,
        5,
        {"type": "word"},
        {"type": []},
        {"type": {}},
        {"enum": []},
        {"enum": 5},
        {"anyOf": []},
        {"$ref": "#"},
        {"oneOf": [{}]},
        {"type": "string", "pattern": "a"},
        {"type": "object", "properties": []},
        {"type": "object", "required": [1]},
        {"type": "object", "required": ["a"], "additionalProperties": False},
        {"type": "array", "minItems": 10**9},
        {"type": "array", "minItems": 100, "items": {"type": "array", "minItems": 100}},
        {"type": "string", "minLength": 3, "maxLength": 2},
        {"type": "string", "minLength": True},
        {"type": "integer", "exclusiveMinimum": 2, "exclusiveMaximum": 3},
        {"type": "number", "minimum": "1"},
        {"type": "number", "minimum": float("inf")},
        {"type": "number", "minimum": 3, "maximum": 2},
    ],
    ids=str,
)
def test_what_cannot_be_honoured_is_refused(schema: Any) -> None:
    with pytest.raises(UnsupportedSchema, match=r"\$"):
        make_instance(schema)
