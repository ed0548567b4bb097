"""Values of the wrong kind, width or depth in place of a valid request's input, as its form allows."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

from harness.checks.bad_input.requests import BadRequest, find_input_path, find_tensors, parse_body, replace_body
from harness.core.array_shape import find_shape, reshape
from harness.core.exchange import Request
from harness.core.json_path import JSONPath, find_paths, list_leaves, map_leaves, read_at, replace_at

MAX_BAD_VALUES = 13
"""The most bad values that are made from one request."""
_NO_FILE = base64.b64encode(b"A text, and no picture.\n").decode()
_FAR = -1000.0
"""A number far from those in any model's training data."""


def _is_never_file(value: Any) -> bool:
    return False


def make_bad_values(
    request: Request, inputs: Any = None, *, variable: bool = False, is_file: Callable[[Any], bool] = _is_never_file
) -> list[BadRequest]:
    """The bad values that the form of this request's input allows.

    `inputs` is what the request was made from: if it is the whole body (features by name), the whole body is input.
    `variable`: rows may have any width. `is_file` says whether a text holds a file.
    """
    body = parse_body(request)
    place = () if body == inputs else find_input_path(body)
    values = read_at(body, place)
    if _is_messages(values):
        return [*_make_wrong_texts(request, body, place, "messages"), *_make_wrong_messages(request, body, place)]
    if find_paths(values, int, float):
        return [*_make_wrong_shapes(request, body, place, variable), *_make_wrong_numbers(request, body, place)]
    texts = find_paths(values, str)
    place = (*place, *texts[0]) if texts else place
    bad = list(_make_wrong_texts(request, body, place, "text"))
    if is_file(read_at(body, place)):
        bad.append(_make_request(request, "a text for a file", replace_at(body, place, _NO_FILE)))
    return bad


def _is_messages(value: Any) -> bool:
    if not isinstance(value, list) or not value:
        return False
    return all(isinstance(message, dict) and "role" in message for message in value)


def _make_request(request: Request, name: str, body: Any, *, may_accept: bool = False) -> BadRequest:
    return BadRequest(name, replace_body(request, json.dumps(body).encode()), may_accept)


def _make_wrong_texts(request: Request, body: Any, place: JSONPath, what: str) -> Iterator[BadRequest]:
    for name, value in (("a number", 5), ("null", None), ("true", True), ("an object", {"aiharness": [None]})):
        yield _make_request(request, f"{name} for {what}", replace_at(body, place, value))
    if what == "text":
        yield _make_request(request, "a list of nulls for text", replace_at(body, place, [None]))
        yield _make_request(request, "an empty text", replace_at(body, place, ""), may_accept=True)
        return
    # Text in place of messages is valid in the API of responses, where the member is called `input`.
    may_accept = place[-1:] != ("messages",)
    yield _make_request(request, "text for messages", replace_at(body, place, "hello"), may_accept=may_accept)
    yield _make_request(request, "no messages", replace_at(body, place, []))


def _make_wrong_messages(request: Request, body: Any, place: JSONPath) -> Iterator[BadRequest]:
    last = (*place, len(read_at(body, place)) - 1)
    message = read_at(body, last)
    without_role = {key: value for key, value in message.items() if key != "role"}
    for name, wrong in (
        ("an unknown role", {**message, "role": "aiharness"}),
        ("a message without a role", without_role),
        ("a number for a message", 5),
        ("a number for content", {**message, "content": 5}),
    ):
        yield _make_request(request, name, replace_at(body, last, wrong))
    without_content = replace_at(body, last, {**message, "content": None})
    yield _make_request(request, "null for content", without_content, may_accept=True)


def _make_wrong_numbers(request: Request, body: Any, place: JSONPath) -> Iterator[BadRequest]:
    values = read_at(body, place)
    first = find_paths(values, int, float)[0]

    def replace_first(name: str, new: Any, *, may_accept: bool = True) -> BadRequest:
        return _make_request(request, name, replace_at(body, (*place, *first), new), may_accept=may_accept)

    def change_all(name: str, change: Callable[[Any], Any]) -> BadRequest:
        changed = map_leaves(values, lambda leaf: change(leaf) if type(leaf) in (int, float) else leaf)
        return _make_request(request, name, replace_at(body, place, changed), may_accept=True)

    yield replace_first("a word for a number", "aiharness", may_accept=False)
    yield replace_first("null for a number", None)  # odd: a model may support missing values
    yield change_all("numbers as strings", str)
    yield change_all("booleans for numbers", lambda _: True)
    yield replace_first("1e308 for a number", 1e308)
    yield change_all(f"{_FAR:g} for every number", lambda _: _FAR)


def _make_wrong_shapes(request: Request, body: Any, place: JSONPath, variable: bool) -> Iterator[BadRequest]:
    """Rows of another width, ragged, flat, or one level deeper; nothing if the input is not a nested list."""
    tensors = find_tensors(body)
    rows = read_at(body, place)
    if tensors:
        rows = reshape(list_leaves(rows), tensors[0]["shape"])
    depth = _measure_depth(rows)
    if not depth:
        return
    variable = variable or (bool(tensors) and depth == 1)  # a vector may be a batch of numbers

    def replace_rows(name: str, new: Any, *, may_accept: bool = False) -> BadRequest:
        if not tensors:
            return _make_request(request, name, replace_at(body, place, new), may_accept=may_accept)
        tensor = {**tensors[0], "shape": find_shape(new), "data": list_leaves(new)}
        return _make_request(request, name, replace_at(body, place[:-1], tensor), may_accept=may_accept)

    narrow, wide = _change_rows(rows, lambda row: row[:-1]), _change_rows(rows, lambda row: [*row, *row[-1:]])
    yield replace_rows("rows that are one too short", narrow, may_accept=variable)
    yield replace_rows("rows that are one too long", wide, may_accept=variable)
    if depth > 1:
        yield replace_rows("ragged rows", [rows[0], narrow[0]])
        # A service may take one row as a batch of one.
        yield replace_rows("one level less of lists", rows[0], may_accept=True)
    yield replace_rows("one level more of lists", [rows] if depth > 1 else [[rows]])


def _change_rows(value: Any, change: Callable[[list[Any]], list[Any]]) -> Any:
    """The value with each of its innermost lists changed."""
    if value and isinstance(value[0], list):
        return [_change_rows(inner, change) for inner in value]
    return change(value)


def _measure_depth(value: Any) -> int:
    """Levels of lists above plain values; 0 if there are none, or if an object is among them."""
    if not isinstance(value, list) or not value or any(isinstance(item, dict) for item in value):
        return 0
    if not isinstance(value[0], list):
        return 1
    inner = _measure_depth(value[0])
    return inner + 1 if inner else 0
