"""What the checks of generation choose and compare, without a service."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.checks.generation.json_schema import find_text_violation, find_violation
from harness.checks.generation.text_cases import choose_limit, choose_stop_sequence, is_beginning
from harness.core.exchange import Answer, Exchange, Request, Timing, Usage

SCHEMAS = {
    **import_module("harness.suites.integration.test_structured").ANSWER_SCHEMAS,
    **import_module("harness.suites.integration.test_tools").TOOL_SCHEMAS,
}


@given(st.lists(st.text("ab c\n", min_size=1, max_size=5), min_size=1, max_size=12))
def test_a_stop_sequence_can_stop_the_text(deltas: list[str]) -> None:
    stop = choose_stop_sequence(deltas)
    if stop is None:
        return
    text = "".join(deltas)
    before, _, _ = text.partition(stop)
    assert len(stop) >= 3
    assert before.strip()
    assert stop == stop.strip()
    ends = [len("".join(deltas[:count])) for count in range(1, len(deltas))]
    assert not ends or any(len(before) < end < len(before) + len(stop) for end in ends)


@pytest.mark.parametrize(
    ("deltas", "expected"),
    [
        (["one", " two", " three", " four"], "o t"),
        (["one two three four"], "thr"),
        (["1", "2", "3", "4", "5", "6"], "345"),
        (["one"], None),
        ([""], None),
        ([], None),
        (["aaaa", "aaaa", "aaaa"], None),
        (["x", "\n", "\n", "\n"], None),
    ],
)
def test_stop_sequences(deltas: list[str], expected: str | None) -> None:
    assert choose_stop_sequence(deltas) == expected


@pytest.mark.parametrize(
    ("text", "longer", "expected"),
    [
        ("one two", "one two three", True),
        ("one two ", "one two, three", True),
        ("caf\ufffd", "café au lait", True),
        ("", "one", True),
        ("one two", "one two", False),
        ("one two", "one two ", False),
        ("one three", "one two three", False),
    ],
)
def test_beginnings(text: str, longer: str, expected: bool) -> None:
    assert is_beginning(text, longer) is expected


@pytest.mark.parametrize(
    ("text", "tokens", "expected"),
    [("a b c d", 24, 8), ("a b c d", 9, 4), ("a b c d", None, 2), ("a", None, None), ("a", 1, None), ("", None, None)],
)
def test_a_limit_that_must_cut(text: str, tokens: int | None, expected: int | None) -> None:
    answer = Answer(text=text, usage=Usage(3, tokens))
    assert choose_limit(Exchange(Request("POST", "/"), Timing(0.0), answer=answer), 8) == expected


_LEAVES: st.SearchStrategy[Any] = st.sampled_from([1, 2.0, 2.5, True, None, "red", "blue", "celsius", "", [], {}])
_NAMES = sorted({name for schema in SCHEMAS.values() for name in schema["properties"]} | {"height", "width", "more"})
_VALUES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=4)
)


def near(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that obey the schema, and values that nearly do."""
    if schema.get("type") == "object":
        parts = {name: near(property_schema) for name, property_schema in schema["properties"].items()}
        return st.fixed_dictionaries(parts, optional={"more": _LEAVES}) | st.fixed_dictionaries({}, optional=parts)
    if schema.get("type") == "array":
        return st.lists(near(schema["items"]), max_size=3)
    return st.sampled_from(schema.get("enum", [1, -3.0, True, "a"])) | _LEAVES


@given(st.data(), st.sampled_from(sorted(SCHEMAS)))
def test_the_validator_agrees_with_jsonschema(data: st.DataObject, name: str) -> None:
    value = data.draw(near(SCHEMAS[name]) | _VALUES)
    valid = not list(jsonschema.Draft202012Validator(SCHEMAS[name]).iter_errors(value))
    assert (find_violation(value, SCHEMAS[name]) is None) is valid


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": 2, "b": 3}', None),
        (' {"a": 2.0, "b": 3}\n', None),
        ('{"a": 2, "b": 3,}', "is not valid JSON"),
        ('{"a": 2, "b": 3} ok', "is not valid JSON"),
        ('```json\n{"a": 2, "b": 3}\n```', "is not valid JSON"),
        ('{"a": NaN, "b": 3}', "is not valid JSON"),
        ("", "is not valid JSON"),
        ('{"a": "\ud800", "b": 3}', r"\$\.a is"),
        ('{"a": 2}', r"\$ lacks b"),
        ('{"a": 2, "b": 3, "c": 4}', "which the schema does not name"),
        ('{"a": true, "b": 3}', r"\$\.a is True"),
        ("[2, 3]", "has type object"),
    ],
)
def test_arguments(text: str, reason: str | None) -> None:
    violation = find_text_violation(text, SCHEMAS["add"])
    if reason is None:
        assert violation is None
    else:
        assert violation is not None
        with pytest.raises(ValueError, match=reason):
            raise ValueError(violation)
