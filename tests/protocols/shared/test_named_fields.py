"""Values of named fields: written in the type of their field, and varied within their schema."""

from __future__ import annotations

import random
from typing import Any

import pytest

from harness.protocols.shared.named_fields import fit_types, list_choices, vary_value

SCHEMA = {
    "type": "object",
    "properties": {
        "age": {"type": "integer", "minimum": 18, "maximum": 120},
        "income": {"type": "number", "exclusiveMinimum": 0, "maximum": 1e6},
        "region": {"enum": ["north", "south"], "type": "string"},
        "opened": {"type": "string", "format": "date"},
        "married": {"type": "boolean"},
        "score": {"anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, {"type": "null"}]},
        "address": {"type": "object", "properties": {"floor": {"type": "integer", "minimum": 0, "maximum": 9}}},
    },
}
SAMPLE = {
    "age": 40,
    "income": 5e4,
    "region": "north",
    "opened": "2024-01-31",
    "married": False,
    "score": 0.5,
    "address": {"floor": 1},
}


@pytest.mark.parametrize(
    ("value", "kind", "fitted"),
    [
        (30.0, "integer", 30),
        (30.5, "integer", 30.5),
        (1, "boolean", True),
        (2, "boolean", 2),
        (7.0, "string", "7"),
        (7, "number", 7),
        ("x", "integer", "x"),
        (None, "integer", None),
    ],
)
def test_a_number_is_written_in_the_type_of_its_field(value: Any, kind: str, fitted: Any) -> None:
    (result,) = fit_types({"a": value}, {"properties": {"a": {"type": kind}}}, None).values()
    assert (type(result), result) == (type(fitted), fitted)


def test_without_a_schema_the_sample_shows_the_type() -> None:
    assert str(fit_types({"a": 30.0, "b": {"c": 2.0}}, {}, {"a": 1, "b": {"c": 0.5}})) == "{'a': 30, 'b': {'c': 2.0}}"


def test_values_vary_within_their_schema() -> None:
    generator = random.Random(3)
    varied = [vary_value([SAMPLE], SCHEMA, generator) for _ in range(200)]
    for value in varied:
        assert value.keys() == SAMPLE.keys()
        assert 18 <= value["age"] <= 120
        assert type(value["age"]) is int
        assert 0 < value["income"] <= 1e6
        assert value["opened"] == "2024-01-31"
        assert 0 <= value["score"] <= 1
        assert 0 <= value["address"]["floor"] <= 9
    assert {value["region"] for value in varied} == {"north", "south"}
    assert {value["married"] for value in varied} == {True, False}
    assert len({value["income"] for value in varied}) > 190


def test_without_bounds_a_number_varies_around_the_samples() -> None:
    generator = random.Random(3)
    one = [vary_value([{"a": 5.0}], {}, generator)["a"] for _ in range(100)]
    assert 0 <= min(one) < 1
    assert 9 < max(one) <= 10
    two = [vary_value([{"a": 5.0}, {"a": 6.0}], {}, generator)["a"] for _ in range(100)]
    assert min(two) >= 5
    assert max(two) <= 6


def test_each_other_listed_value_is_one_variant_of_the_sample() -> None:
    assert list_choices(SAMPLE, SCHEMA) == [('region = "south"', {**SAMPLE, "region": "south"})]
    nested = {"type": "object", "properties": {"person": SCHEMA, "size": {"anyOf": [{"enum": ["S", "M", "L"]}]}}}
    listed = dict(list_choices({"person": SAMPLE, "size": "M"}, nested))
    assert list(listed) == ['person.region = "south"', 'size = "S"', 'size = "L"']
    assert listed['person.region = "south"']["person"]["region"] == "south"
    assert list_choices([1.0], SCHEMA) == list_choices(SAMPLE, {}) == []
