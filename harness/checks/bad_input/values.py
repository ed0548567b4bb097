"""Values of the wrong kind, width or depth in the place of a valid request's input, as far as its form has room."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from harness.checks.bad_input.requests import Bad, input_path, read, tensors, written
from harness.core.array_shape import find_shape, reshape
from harness.core.exchange import Request
from harness.core.json_path import JSONPath, find_paths, list_leaves, map_leaves, read_at, replace_at

MOST = 13
"""Bad values that are made of one request at most."""
FAR = -1000.0
"""Far from what any model was shown."""


def values(request: Request, inputs: Any = None, *, variable: bool = False) -> list[Bad]:
    """The bad values that the form of this request's input has room for.

    `inputs` is what the request was made of: a body that is just that (features by name) is input as a whole.
    `variable`: rows may have any width.
    """
    body = read(request)
    place = () if body == inputs else input_path(body)
    given = read_at(body, place)
    if _messages(given):
        ways = [*_wrong_texts(request, body, place, "messages"), *_wrong_messages(request, body, place)]
    elif find_paths(given, int, float):
        ways = [*_wrong_shapes(request, body, place, variable), *_wrong_numbers(request, body, place)]
    else:
        texts = [(*place, *each) for each in find_paths(given, str)]
        ways = list(_wrong_texts(request, body, texts[0] if texts else place, "text"))
    return ways


def _messages(given: Any) -> bool:
    return isinstance(given, list) and bool(given) and all(isinstance(each, dict) and "role" in each for each in given)


def _bad(request: Request, name: str, body: Any, *, odd: bool = False) -> Bad:
    return Bad(name, written(request, json.dumps(body).encode()), odd)


def _wrong_texts(request: Request, body: Any, place: JSONPath, what: str) -> Iterator[Bad]:
    for name, value in (("a number", 5), ("null", None), ("true", True), ("an object", {"aiharness": [None]})):
        yield _bad(request, f"{name} for {what}", replace_at(body, place, value))
    if what == "text":
        yield _bad(request, "a list of nulls for text", replace_at(body, place, [None]))
        yield _bad(request, "an empty text", replace_at(body, place, ""), odd=True)
        return
    # Text in place of messages is proper in the API of responses, where the member is called `input`.
    yield _bad(request, "text for messages", replace_at(body, place, "hello"), odd=place[-1:] != ("messages",))
    yield _bad(request, "no messages", replace_at(body, place, []))


def _wrong_messages(request: Request, body: Any, place: JSONPath) -> Iterator[Bad]:
    last = (*place, len(read_at(body, place)) - 1)
    message = read_at(body, last)
    yield _bad(request, "an unknown role", replace_at(body, last, {**message, "role": "aiharness"}))
    yield _bad(
        request, "a message without a role", replace_at(body, last, {k: v for k, v in message.items() if k != "role"})
    )
    yield _bad(request, "a number for a message", replace_at(body, last, 5))
    yield _bad(request, "a number for content", replace_at(body, last, {**message, "content": 5}))
    yield _bad(request, "null for content", replace_at(body, last, {**message, "content": None}), odd=True)


def _wrong_numbers(request: Request, body: Any, place: JSONPath) -> Iterator[Bad]:
    every = [(*place, *each) for each in find_paths(read_at(body, place), int, float)]

    def all_with(change: Callable[[Any], Any]) -> Any:
        return replace_at(
            body, place, map_leaves(read_at(body, place), lambda each: change(each) if _number(each) else each)
        )

    yield _bad(request, "a word for a number", replace_at(body, every[0], "aiharness"))
    # A model that bears missing values may be told of one so.
    yield _bad(request, "null for a number", replace_at(body, every[0], None), odd=True)
    yield _bad(request, "numbers as strings", all_with(str), odd=True)
    yield _bad(request, "booleans for numbers", all_with(lambda _: True), odd=True)
    yield _bad(request, "1e308 for a number", replace_at(body, every[0], 1e308), odd=True)
    yield _bad(request, f"{FAR:g} for every number", all_with(lambda _: FAR), odd=True)


def _number(value: Any) -> bool:
    return type(value) in (int, float)


def _wrong_shapes(request: Request, body: Any, place: JSONPath, variable: bool) -> Iterator[Bad]:
    """Rows of another width, ragged, flat, or one level deeper; nothing where the input is no nested list."""
    tensor = tensors(body)[0] if tensors(body) else None
    given = read_at(body, place)
    rows = reshape(list_leaves(given), tensor["shape"]) if tensor else given
    depth = _depth(rows)
    if not depth:
        return
    variable = variable or (tensor is not None and depth == 1)  # a vector may be a batch of numbers

    def with_rows(name: str, new: Any, odd: bool = False) -> Bad:
        if tensor is None:
            return _bad(request, name, replace_at(body, place, new), odd=odd)
        changed = {**tensor, "shape": find_shape(new), "data": list_leaves(new)}
        return _bad(request, name, replace_at(body, place[:-1], changed), odd=odd)

    narrow, wide = (_rows(rows, change) for change in (lambda row: row[:-1], lambda row: [*row, *row[-1:]]))
    yield with_rows("rows that are one too short", narrow, variable)
    yield with_rows("rows that are one too long", wide, variable)
    if depth > 1:
        yield with_rows("ragged rows", [rows[0], narrow[0]])
        # A service may take one row for a batch of one.
        yield with_rows("one level less of lists", rows[0], odd=True)
    yield with_rows("one level more of lists", [rows] if depth > 1 else [[rows]])


def _rows(value: Any, change: Callable[[list[Any]], list[Any]]) -> Any:
    """The value with each of its innermost lists changed."""
    if value and isinstance(value[0], list):
        return [_rows(each, change) for each in value]
    return change(value)


def _depth(value: Any) -> int:
    """Levels of lists above plain values; 0 where there are none, or objects among them."""
    if not isinstance(value, list) or not value or any(isinstance(each, dict) for each in value):
        return 0
    inner = _depth(value[0])
    return 0 if isinstance(value[0], list) and not inner else inner + 1
