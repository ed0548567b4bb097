"""Bad inputs made from a valid request, each wrong in one way: bytes, JSON, fields, types, headers, methods, paths."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.core.exchange import Request
from harness.core.json_path import JSONPath, find_paths, read_at, replace_at

DEPTH = 20_000
"""Nesting that breaks every parser that recurses without a bound."""
DIGITS = 5_000
"""Digits of a whole number that no type of a machine holds, and that Python refuses to read (its bound is 4,300)."""
_NOWHERE = "/aiharness-no-such-path"
MARK = "aiharness: the input"
"""Stands in a body for JSON text that no encoder writes."""


@dataclass(frozen=True, slots=True)
class Bad:
    """A request that is wrong in one way.

    `odd`: not wrong for sure, so that an answer is as proper as a refusal. `same`: nothing of its meaning is changed,
    so that an answer must be the valid request's. `routed`: wrong in its method or path, which 404, 405 and 501 say.
    """

    name: str
    request: Request
    odd: bool = False
    same: bool = False
    routed: bool = False


@dataclass(frozen=True, slots=True)
class _Way:
    make: Callable[[Request], Request]
    odd: bool = False
    same: bool = False
    routed: bool = False


def read(request: Request) -> Any:
    """The JSON value of a valid request's body."""
    return json.loads(request.body)


def written(request: Request, body: bytes, kind: str | None = "application/json") -> Request:
    """The request with another body, and a content type that says what it is meant to be (None: no such line)."""
    headers = tuple(line for line in request.headers if line[0].lower() != "content-type")
    lines = () if kind is None else (("content-type", kind),)
    return replace(request, body=body, headers=(*headers, *lines), stream=False)


def input_name(body: Mapping[str, Any]) -> str:
    """The name of a body's largest member, which is the input."""
    # A model's name may be longer than the input, and a model that is not there says nothing about inputs.
    return max(body, key=lambda name: (name != "model", len(json.dumps(body[name]))))


def tensors(body: Any) -> list[dict[str, Any]]:
    """The tensors of a body in the form of the Open Inference Protocol; none in any other."""
    given = body.get("inputs") if isinstance(body, dict) else None
    proper = isinstance(given, list) and all(isinstance(each, dict) and "data" in each for each in given)
    return list(given) if proper and isinstance(given, list) else []


def input_path(body: Any) -> JSONPath:
    """Where the input's values stand in a body."""
    if tensors(body):
        return "inputs", 0, "data"
    return (input_name(body),) if isinstance(body, dict) and body else ()


def spliced(value: Any, path: JSONPath, raw: bytes) -> bytes:
    """The value as JSON, with this text at a place."""
    return filled(json.dumps(replace_at(value, path, MARK)).encode(), raw)


def filled(body: bytes, raw: bytes) -> bytes:
    """The body with JSON text in place of `MARK`; a list in place of one that an adapter made of it."""
    mark = json.dumps(MARK).encode()
    alone = b"[" + mark + b"]"
    return body.replace(alone if raw.startswith(b"[") and alone in body else mark, raw)


def _body(
    make: Callable[[Request], bytes], kind: str | None = "application/json", *, odd: bool = False, same: bool = False
) -> _Way:
    return _Way(lambda request: written(request, make(request), kind), odd, same)


def _fixed(body: bytes) -> _Way:
    return _body(lambda _: body)


def _with_input(raw: bytes) -> _Way:
    """JSON text in place of the whole input, or alone where the body has no members."""

    def make(request: Request) -> bytes:
        body = read(request)
        return spliced(body, (input_name(body),), raw) if isinstance(body, dict) and body else raw

    return _body(make)


def _with_member(raw: bytes, *, odd: bool = False, same: bool = False) -> _Way:
    """One more member; a body that has none becomes a list with its value and the new one."""

    def make(request: Request) -> bytes:
        body = read(request)
        extended = {**body, "aiharness": MARK} if isinstance(body, dict) else [body, MARK]
        return filled(json.dumps(extended).encode(), raw)

    return _body(make, odd=odd, same=same)


def _with_number(raw: bytes) -> _Way:
    """JSON text in place of the input's first number, else of the last in the body (a temperature), else of it all."""

    def make(request: Request) -> bytes:
        body = read(request)
        place = input_path(body)
        inside = [(*place, *each) for each in find_paths(read_at(body, place), int, float)]
        return spliced(body, (inside[:1] or find_paths(body, int, float)[-1:] or [place])[0], raw)

    return _body(make)


def _missing(request: Request) -> bytes:
    body = read(request)
    name = input_name(body) if isinstance(body, dict) and body else ""
    return json.dumps({key: value for key, value in body.items() if key != name} if name else {}).encode()


def _twice(request: Request) -> bytes:
    body = read(request)
    if not isinstance(body, dict) or not body:
        return b'{"aiharness": 1, "aiharness": 2}'
    member = json.dumps({input_name(body): body[input_name(body)]}).encode()
    return b"{" + member[1:-1] + b", " + request.body.lstrip()[1:]


def _other_string(request: Request) -> bytes:
    return b"5" if isinstance(read(request), str) else b'"aiharness"'


def _typed(kind: str | None) -> _Way:
    return _body(lambda request: request.body, kind, odd=True, same=True)


def _method(name: str, *, body: bool, odd: bool = False) -> _Way:
    def make(request: Request) -> Request:
        bare = replace(request, method=name, stream=False)
        return bare if body else written(replace(bare, method=name), b"", None)

    return _Way(make, odd=odd, routed=True)


def _path(change: Callable[[str], str], *, odd: bool = False) -> _Way:
    def make(request: Request) -> Request:
        path, mark, query = request.path.partition("?")
        return replace(request, path=change(path) + mark + query, stream=False)

    return _Way(make, odd=odd, routed=True)


_WAYS: Mapping[str, _Way] = {
    "empty_body": _fixed(b""),
    "truncated_json": _body(lambda request: request.body[: max(1, len(request.body) * 2 // 3)]),
    "not_json": _body(lambda _: b"<input>1</input>", "application/xml"),
    "invalid_utf8": _with_member(b'"\xff\xfe \xc3( \xed\xa0\x80"'),
    "empty_object": _fixed(b"{}"),
    "empty_array": _fixed(b"[]"),
    "null": _fixed(b"null"),
    "string": _body(_other_string),
    "missing_field": _body(_missing),
    "wrong_input_type": _with_input(b'{"aiharness":{"is":[true,null]}}'),
    "unknown_key": _with_member(b'"no such key"', odd=True, same=True),
    "duplicate_keys": _body(_twice, odd=True, same=True),
    "trailing_garbage": _body(lambda request: request.body + b"}] aiharness"),
    "control_characters": _with_member(b'"a\x00\x01\x1f\nb"'),
    "byte_order_mark": _body(lambda request: b"\xef\xbb\xbf" + request.body, odd=True, same=True),
    "utf16": _body(lambda request: request.body.decode().encode("utf-16"), odd=True, same=True),
    "nan": _with_number(b"NaN"),
    "infinity": _with_number(b"-Infinity"),
    "overflow": _with_number(b"1e999"),
    "huge_number": _with_number(b"1" + b"0" * DIGITS),
    "type_text": _typed("text/plain"),
    "type_none": _typed(None),
    "type_xml": _typed("application/xml"),
    "type_msgpack": _typed("application/msgpack"),
    "method_get": _method("GET", body=False),
    "method_put": _method("PUT", body=True),
    "method_patch": _method("PATCH", body=True),
    "method_delete": _method("DELETE", body=False),
    "method_head": _method("HEAD", body=False, odd=True),
    "method_options": _method("OPTIONS", body=False, odd=True),
    "unknown_path": _path(lambda _: _NOWHERE),
    "trailing_slash": _path(lambda path: path.removesuffix("/") if path.endswith("/") else path + "/", odd=True),
    "deep_nesting": _with_input(b"[" * DEPTH + b"]" * DEPTH),
}
BAD_INPUTS = tuple(_WAYS)
"""Names of the bad inputs that can be made of any request with a JSON body; the hardest one comes last.

`not_json` is XML and says so. The types `text`, `none`, `xml` and `msgpack` are content types over a valid JSON body.
"""


def made(request: Request, name: str) -> Bad:
    """A valid request made bad in one way. Raises `KeyError` for a name that is not in `BAD_INPUTS`."""
    way = _WAYS[name]
    # An empty list is an input where the body is a list of rows.
    odd = way.odd or (name == "empty_array" and isinstance(read(request), list))
    return Bad(name, way.make(request), odd, way.same and isinstance(read(request), dict), way.routed)


def spoiled(request: Request, name: str) -> Request:
    """The request of `made`."""
    return made(request, name).request
