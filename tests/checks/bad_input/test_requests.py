"""The bad inputs made from valid requests of each form, and how reactions to them are classified."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from harness.checks.bad_input.outcomes import Reaction, classify_reaction, find_non_finite_number
from harness.checks.bad_input.parameters import BAD_PARAMETERS
from harness.checks.bad_input.requests import BAD_INPUTS, NESTING_DEPTH, BadRequest, make_bad_request
from harness.checks.bad_input.values import MAX_BAD_VALUES, make_bad_values
from harness.core.errors import ErrorClass
from harness.core.exchange import Exchange, Request, Response, Timing

JSON = (("content-type", "application/json"),)
ROW = [0.5, 1.0, 2.5]
TENSOR = {"name": "x", "shape": [2, 3], "datatype": "FP64", "data": [*ROW, *ROW]}
CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 16, "temperature": 0}


def post(body: Any) -> Request:
    return Request("POST", "/predict", JSON, json.dumps(body).encode())


def by_name(body: Any, inputs: Any = None, **more: Any) -> dict[str, BadRequest]:
    requests = make_bad_values(post(body), inputs, **more)
    assert 4 < len(requests) <= MAX_BAD_VALUES
    assert len({bad.name for bad in requests}) == len(requests)
    assert all(bad.request.body != post(body).body for bad in requests)
    return {bad.name: bad for bad in requests}


def spoil(request: Request, name: str) -> Request:
    """A valid request made bad in this way."""
    return make_bad_request(request, name).request


@pytest.mark.parametrize("body", [{"instances": [ROW]}, {"inputs": [TENSOR]}, CHAT, [ROW], "text", {"input": ["a"]}])
def test_every_bad_input_is_made_of_every_form(body: Any) -> None:
    request = post(body)
    for name in BAD_INPUTS:
        bad = make_bad_request(request, name)
        assert bad.request != request
        assert not bad.request.stream
        if bad.may_accept or name.startswith(("method", "unknown_path", "overflow", "huge")):
            continue
        try:
            assert json.loads(bad.request.body, parse_constant=float) != body, name
        except (ValueError, RecursionError):
            continue


def test_bad_numbers_replace_one_of_the_input_or_else_a_parameter() -> None:
    assert json.loads(spoil(post({"instances": [ROW]}), "overflow").body)["instances"][0][0] == float("inf")
    tensor = json.loads(spoil(post({"inputs": [TENSOR]}), "nan").body)["inputs"][0]
    assert tensor["shape"] == [2, 3]
    assert tensor["data"][0] != tensor["data"][0]
    assert b'"temperature": NaN' in spoil(post(CHAT), "nan").body
    assert spoil(post({"input": "text"}), "nan").body == b'{"input": NaN}'


def test_bad_inputs_match_their_names() -> None:
    request = post({"instances": [ROW], "parameters": {}})
    assert spoil(request, "deep_nesting").body.count(b"[") == NESTING_DEPTH
    assert spoil(request, "duplicate_keys").body.count(b'"instances"') == 2
    assert json.loads(spoil(request, "duplicate_keys").body) == json.loads(request.body)
    assert json.loads(spoil(request, "missing_field").body) == {"parameters": {}}
    assert b"\xff" in spoil(request, "invalid_utf8").body
    assert b"\n" in spoil(request, "control_characters").body
    assert spoil(request, "type_none").headers == ()
    assert spoil(request, "method_get") == Request("GET", "/predict")
    assert spoil(request, "method_put") == replace(request, method="PUT")
    assert spoil(replace(request, path="/predict?a=b"), "trailing_slash").path == "/predict/?a=b"


def test_values_of_a_list_of_rows() -> None:
    requests = by_name({"instances": [ROW, ROW]})
    got = {name: json.loads(bad.request.body)["instances"] for name, bad in requests.items()}
    assert got["rows that are one too short"] == [ROW[:2], ROW[:2]]
    assert got["rows that are one too long"] == [[*ROW, 2.5], [*ROW, 2.5]]
    assert got["ragged rows"] == [ROW, ROW[:2]]
    assert got["one level less of lists"] == ROW
    assert got["one level more of lists"] == [[ROW, ROW]]
    assert got["a word for a number"][0] == ["aiharness", 1.0, 2.5]
    assert got["numbers as strings"][0] == ["0.5", "1.0", "2.5"]
    odd = {name for name, bad in requests.items() if bad.may_accept}
    assert "rows that are one too short" not in odd
    assert "1e308 for a number" in odd
    variable = by_name({"instances": [ROW, ROW]}, variable=True)
    assert variable["rows that are one too short"].may_accept
    assert not variable["ragged rows"].may_accept


def test_values_of_a_tensor_keep_its_shape_true_to_its_data() -> None:
    requests = by_name({"inputs": [TENSOR]})
    got = {name: json.loads(bad.request.body)["inputs"][0] for name, bad in requests.items()}
    assert got["rows that are one too short"] == {**TENSOR, "shape": [2, 2], "data": [0.5, 1.0] * 2}
    assert got["ragged rows"] == {**TENSOR, "data": [*ROW, 0.5, 1.0]}
    assert got["one level less of lists"] == {**TENSOR, "shape": [3], "data": ROW}
    assert got["one level more of lists"]["shape"] == [1, 2, 3]
    assert got["booleans for numbers"]["data"] == [True] * 6
    assert got["booleans for numbers"]["shape"] == [2, 3]


def test_values_of_other_forms() -> None:
    flat = by_name({"instances": ROW})
    assert json.loads(flat["one level more of lists"].request.body) == {"instances": [[ROW]]}
    assert "ragged rows" not in flat
    features = {"age": 3, "job": "clerk", "tall": True}
    named = by_name(features, features)
    assert json.loads(named["a word for a number"].request.body)["age"] == "aiharness"
    chat = by_name(CHAT)
    assert json.loads(chat["an unknown role"].request.body)["messages"][0] == {"role": "aiharness", "content": "hi"}
    assert not chat["text for messages"].may_accept
    assert by_name({**CHAT, "messages": "", "input": CHAT["messages"]})["text for messages"].may_accept
    texts = by_name({"model": "m", "input": ["one", "two"]})
    assert json.loads(texts["an object for text"].request.body)["input"] == [{"aiharness": [None]}, "two"]


@pytest.mark.parametrize("name", BAD_PARAMETERS)
def test_parameters_are_json_but_for_nan(name: str) -> None:
    value = json.loads(BAD_PARAMETERS[name].raw)
    assert (value != value) == (name == "temperature_nan")


def exchange(status: int | None, error: ErrorClass | None, body: bytes = b"") -> Exchange:
    response = None if status is None else Response(status, body=body)
    return Exchange(post({}), Timing(0.0), response, error=error)


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (200, None, Reaction.ACCEPTED),
        (204, None, Reaction.ACCEPTED),
        (307, ErrorClass.REDIRECT, Reaction.REDIRECTED),
        (422, ErrorClass.STATUS, Reaction.REFUSED),
        (503, ErrorClass.STATUS, Reaction.BROKEN),
        (None, ErrorClass.FIRST_BYTE_TIMEOUT, Reaction.HUNG),
        (200, ErrorClass.INTER_TOKEN_TIMEOUT, Reaction.HUNG),
        (None, ErrorClass.TOTAL_TIMEOUT, Reaction.HUNG),
        (None, ErrorClass.CLOSED, Reaction.CRASHED),
        (200, ErrorClass.CLOSED, Reaction.CRASHED),
        (None, ErrorClass.GONE, Reaction.CRASHED),
        (None, ErrorClass.MALFORMED, Reaction.CRASHED),
        (None, ErrorClass.TOO_LARGE, Reaction.UNKNOWN),
    ],
)
def test_reactions(status: int | None, error: ErrorClass | None, kind: Reaction) -> None:
    assert classify_reaction(exchange(status, error)) is kind


def test_an_answer_that_never_stops_is_accepted() -> None:
    assert classify_reaction(exchange(200, ErrorClass.TOTAL_TIMEOUT, b"one two three")) is Reaction.ACCEPTED


@pytest.mark.parametrize("body", [b'{"a": [NaN]}', b"[-Infinity]", b'{"a": {"b": 1e999}}'])
def test_not_finite(body: bytes) -> None:
    assert find_non_finite_number(body)


@pytest.mark.parametrize("body", [b'{"a": "NaN"}', b"nan", b"[1e308]", b"[" * 9000, b"", b"\xff"])
def test_finite(body: bytes) -> None:
    assert find_non_finite_number(body) is None
