"""Bad inputs made from a valid request, each wrong in one way: bytes, JSON, fields, types, headers, methods, paths."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.core.exchange import Request
from harness.core.json_path import JSONPath, find_paths, read_at, replace_at

NESTING_DEPTH = 20_000
"""Nesting that breaks every parser that recurses without a bound."""
_DIGITS = 5_000
"""Digits of a whole number that no machine type holds, and that Python refuses to read (its bound is 4,300)."""
_NOWHERE = "/aiharness-no-such-path"
_JSON = "application/json"
_MakeBody = Callable[[Request], bytes]
INPUT_MARK = "aiharness: the input"
"""A placeholder in a body for JSON text that no encoder writes."""


@dataclass(frozen=True, slots=True)
class BadRequest:
    """A request that is wrong in one way.

    `may_accept`: not certainly wrong, so that an answer is as proper as a refusal. `keeps_meaning`: its answer, if it
    has one, must be that of the valid request. `is_routing`: wrong in its method or path, for which 404, 405 and 501
    are refusals too.
    """

    name: str
    request: Request
    may_accept: bool = False
    keeps_meaning: bool = False
    is_routing: bool = False


@dataclass(frozen=True, slots=True)
class _Change:
    """A way to make a request bad; the flags are those of `BadRequest`."""

    make: Callable[[Request], Request]
    may_accept: bool = False
    keeps_meaning: bool = False
    is_routing: bool = False


def parse_body(request: Request) -> Any:
    """The JSON value of a valid request's body."""
    return json.loads(request.body)


def replace_body(request: Request, body: bytes, kind: str | None = _JSON) -> Request:
    """The request with another body, not streamed, and this content type; None removes the header line."""
    headers = [line for line in request.headers if line[0].lower() != "content-type"]
    if kind is not None:
        headers.append(("content-type", kind))
    return replace(request, body=body, headers=tuple(headers), stream=False)


def find_input_name(body: Mapping[str, Any]) -> str:
    """The name of a body's largest member, which is the input."""
    # A model's name may be longer than the input, but a wrong model would say nothing about inputs.
    return max(body, key=lambda name: (name != "model", len(json.dumps(body[name]))))


def find_tensors(body: Any) -> list[dict[str, Any]]:
    """The tensors of a body in the form of the Open Inference Protocol; empty for any other form."""
    inputs = body.get("inputs") if isinstance(body, dict) else None
    if not isinstance(inputs, list):
        return []
    tensors = [tensor for tensor in inputs if isinstance(tensor, dict) and "data" in tensor]
    return tensors if len(tensors) == len(inputs) else []


def find_input_path(body: Any) -> JSONPath:
    """The place of the input's values in a body."""
    if find_tensors(body):
        return "inputs", 0, "data"
    return (find_input_name(body),) if isinstance(body, dict) and body else ()


def fill_mark(body: bytes, raw: bytes) -> bytes:
    """The body with JSON text in place of `INPUT_MARK`; a list also replaces the list that an adapter made of it."""
    mark = json.dumps(INPUT_MARK).encode()
    if raw.startswith(b"[") and b"[" + mark + b"]" in body:
        mark = b"[" + mark + b"]"
    return body.replace(mark, raw)


def _encode_with_text(value: Any, path: JSONPath, raw: bytes) -> bytes:
    """The value as JSON, with this JSON text at a place."""
    return fill_mark(json.dumps(replace_at(value, path, INPUT_MARK)).encode(), raw)


def _change_body(make: _MakeBody, kind: str | None = _JSON, *, keeps_meaning: bool = False) -> _Change:
    return _Change(lambda request: replace_body(request, make(request), kind), keeps_meaning, keeps_meaning)


def _set_body(body: bytes) -> _Change:
    return _change_body(lambda _: body)


def _set_input(raw: bytes) -> _Change:
    """JSON text in place of the whole input; it is the whole body where that has no members."""

    def make(request: Request) -> bytes:
        body = parse_body(request)
        return _encode_with_text(body, (find_input_name(body),), raw) if isinstance(body, dict) and body else raw

    return _change_body(make)


def _add_member(raw: bytes, *, keeps_meaning: bool = False) -> _Change:
    """One more member; a body without members becomes a list of its value and the new one."""

    def make(request: Request) -> bytes:
        body = parse_body(request)
        extended = {**body, "aiharness": INPUT_MARK} if isinstance(body, dict) else [body, INPUT_MARK]
        return fill_mark(json.dumps(extended).encode(), raw)

    return _change_body(make, keeps_meaning=keeps_meaning)


def _set_number(raw: bytes) -> _Change:
    """JSON text in place of the input's first number, else of the body's last (a temperature), else of the input."""

    def make(request: Request) -> bytes:
        body = parse_body(request)
        path = find_input_path(body)
        if numbers := find_paths(read_at(body, path), int, float):
            path = (*path, *numbers[0])
        elif numbers := find_paths(body, int, float):
            path = numbers[-1]
        return _encode_with_text(body, path, raw)

    return _change_body(make)


def _drop_input(request: Request) -> bytes:
    body = parse_body(request)
    if not isinstance(body, dict) or not body:
        return b"{}"
    del body[find_input_name(body)]
    return json.dumps(body).encode()


def _repeat_input(request: Request) -> bytes:
    body = parse_body(request)
    if not isinstance(body, dict) or not body:
        return b'{"aiharness": 1, "aiharness": 2}'
    member = json.dumps({find_input_name(body): body[find_input_name(body)]}).encode()
    return b"{" + member[1:-1] + b", " + request.body.lstrip()[1:]


def _replace_by_string(request: Request) -> bytes:
    return b"5" if isinstance(parse_body(request), str) else b'"aiharness"'


def _set_type(kind: str | None) -> _Change:
    return _change_body(lambda request: request.body, kind, keeps_meaning=True)


def _set_method(name: str, *, body: bool, may_accept: bool = False) -> _Change:
    def make(request: Request) -> Request:
        if body:
            return replace(request, method=name, stream=False)
        return replace_body(replace(request, method=name), b"", None)

    return _Change(make, may_accept=may_accept, is_routing=True)


def _change_path(change: Callable[[str], str], *, may_accept: bool = False) -> _Change:
    def make(request: Request) -> Request:
        path, mark, query = request.path.partition("?")
        return replace(request, path=change(path) + mark + query, stream=False)

    return _Change(make, may_accept=may_accept, is_routing=True)


def _toggle_slash(path: str) -> str:
    return path.removesuffix("/") if path.endswith("/") else path + "/"


_CHANGES: Mapping[str, _Change] = {
    "empty_body": _set_body(b""),
    "truncated_json": _change_body(lambda request: request.body[: max(1, len(request.body) * 2 // 3)]),
    "not_json": _change_body(lambda _: b"<input>1</input>", "application/xml"),
    "invalid_utf8": _add_member(b'"\xff\xfe \xc3( \xed\xa0\x80"'),
    "empty_object": _set_body(b"{}"),
    "empty_array": _set_body(b"[]"),
    "null": _set_body(b"null"),
    "string": _change_body(_replace_by_string),
    "missing_field": _change_body(_drop_input),
    "wrong_input_type": _set_input(b'{"aiharness":{"is":[true,null]}}'),
    "unknown_key": _add_member(b'"no such key"', keeps_meaning=True),
    "duplicate_keys": _change_body(_repeat_input, keeps_meaning=True),
    "trailing_garbage": _change_body(lambda request: request.body + b"}] aiharness"),
    "control_characters": _add_member(b'"a\x00\x01\x1f\nb"'),
    "byte_order_mark": _change_body(lambda request: b"\xef\xbb\xbf" + request.body, keeps_meaning=True),
    "utf16": _change_body(lambda request: request.body.decode().encode("utf-16"), keeps_meaning=True),
    "nan": _set_number(b"NaN"),
    "infinity": _set_number(b"-Infinity"),
    "overflow": _set_number(b"1e999"),
    "huge_number": _set_number(b"1" + b"0" * _DIGITS),
    "type_text": _set_type("text/plain"),
    "type_none": _set_type(None),
    "type_xml": _set_type("application/xml"),
    "type_msgpack": _set_type("application/msgpack"),
    "method_get": _set_method("GET", body=False),
    "method_put": _set_method("PUT", body=True),
    "method_patch": _set_method("PATCH", body=True),
    "method_delete": _set_method("DELETE", body=False),
    "method_head": _set_method("HEAD", body=False, may_accept=True),
    "method_options": _set_method("OPTIONS", body=False, may_accept=True),
    "unknown_path": _change_path(lambda _: _NOWHERE),
    "trailing_slash": _change_path(_toggle_slash, may_accept=True),
    "deep_nesting": _set_input(b"[" * NESTING_DEPTH + b"]" * NESTING_DEPTH),
}
BAD_INPUTS = tuple(_CHANGES)
"""Names of the bad inputs that can be made from any request with a JSON body; the hardest one comes last.

`not_json` is XML and says so. The types `text`, `none`, `xml` and `msgpack` are content types over a valid JSON body.
"""


def make_bad_request(request: Request, name: str) -> BadRequest:
    """A valid request made bad in one way. Raises `KeyError` for a name that is not in `BAD_INPUTS`."""
    change = _CHANGES[name]
    # An empty list is a valid input where the body is a list of rows.
    may_accept = change.may_accept or (name == "empty_array" and isinstance(parse_body(request), list))
    keeps_meaning = change.keeps_meaning and isinstance(parse_body(request), dict)
    return BadRequest(name, change.make(request), may_accept, keeps_meaning, change.is_routing)
