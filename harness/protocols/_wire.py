"""What the adapters share: making requests, and reading the answers to probes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from harness.core.endpoint import Endpoint
from harness.core.errors import ProtocolError, UsageError
from harness.core.exchange import Request, Response
from harness.core.jsontext import parse

NOWHERE = "/aiharness-no-such-path"
"""A path that no service has: what it answers there (a catch-all page, 401 for everything) proves nothing elsewhere."""

OPENAPI = "/openapi.json"
JSON = (("content-type", "application/json"),)
_NOT_THERE = frozenset({301, 302, 303, 307, 308, 404, 405, 410, 501})
_SHOWN = 200
_LONGEST_NAME = 512


def get(path: str) -> Request:
    """A harmless request."""
    return Request("GET", path)


def post(path: str, value: Any, *, stream: bool = False) -> Request:
    """A request with a JSON body. Raises `UsageError` for a value that JSON cannot hold."""
    return Request("POST", path, JSON, dumps(value), stream)


def dumps(value: Any) -> bytes:
    """Compact JSON in ASCII, the same bytes each time. Raises `UsageError` for NaN, Infinity and foreign types."""
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"the query cannot be written as JSON ({error}); give strings, numbers and lists") from None


def page(answers: Mapping[str, Response], role: str) -> Any:
    """The JSON value that a probe was answered with; None when it failed, or brought no JSON, or brought only what
    the service says at a path that no one has.
    """
    response, nowhere = answers.get(role), answers.get("nowhere")
    if response is None or not 200 <= response.status < 300:
        return None
    if nowhere is not None and nowhere.status == response.status and nowhere.body == response.body:
        return None
    return json_of(response)


def json_of(response: Response) -> Any:
    """The JSON value of a body, or None when it is none."""
    try:
        return parse(response.body)
    except ProtocolError:
        return None


def status(answers: Mapping[str, Response], role: str) -> int | None:
    """The status that a probe was answered with, or None."""
    return answers[role].status if role in answers else None


def offered(answers: Mapping[str, Response], role: str) -> bool:
    """Whether something stands at a probe's path: an answer of its own, unlike the one for a path that no one has."""
    found, nowhere = answers.get(role), answers.get("nowhere")
    if found is None or found.status in _NOT_THERE:
        return False
    return nowhere is None or (found.status, found.content_type) != (nowhere.status, nowhere.content_type)


def closed(answers: Mapping[str, Response], role: str) -> bool:
    """Whether a probe was refused for want of credentials."""
    return status(answers, role) in (401, 403)


def full_path(endpoint: Endpoint, path: str) -> str:
    """The path as the server sees it: with the prefix that stands in the endpoint's URL."""
    return urlsplit(endpoint.url).path.rstrip("/") + path


def shown(value: Any) -> str:
    """A value of the peer's for a message: printable, and cut."""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    clean = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:_SHOWN])
    return clean if len(text) <= _SHOWN else clean + "…"


def a_name(value: Any) -> str | None:
    """The value when it can be the name of a model: printable text of sane length."""
    return value if isinstance(value, str) and value.isprintable() and 0 < len(value) <= _LONGEST_NAME else None


def kind_of(value: Any) -> str:
    """The JSON kind of a value, for messages: `null`, `a boolean`, `a number`, `a string`, `an array`, `an object`."""
    names = {
        bool: "a boolean",
        int: "a number",
        float: "a number",
        str: "a string",
        list: "an array",
        dict: "an object",
    }
    return names.get(type(value), "null")


def holds_rows(sample: Any) -> bool:
    """Whether an input is a list of rows, or an object with a list for each name: several can go in one request."""
    if isinstance(sample, dict):
        return bool(sample) and all(isinstance(each, list) and each for each in sample.values())
    return isinstance(sample, list) and bool(sample) and isinstance(sample[0], list)


def an_object(value: Any, at: str = "$") -> dict[str, Any]:
    """The value, which must be a JSON object. Raises `ProtocolError` with the place."""
    if not isinstance(value, dict):
        raise ProtocolError(f"{kind_of(value)} where an object was expected", at=at)
    return value


def an_array(value: Any, at: str) -> list[Any]:
    """The value, which must be a JSON array. Raises `ProtocolError` with the place."""
    if not isinstance(value, list):
        raise ProtocolError(f"{kind_of(value)} where an array was expected", at=at)
    return value


def text_or_none(value: Any, at: str) -> str | None:
    """The value, which must be a string or null. Raises `ProtocolError` with the place."""
    if value is not None and not isinstance(value, str):
        raise ProtocolError(f"{kind_of(value)} where a string was expected", at=at)
    return value


def answered(response: Response) -> dict[str, Any]:
    """The object in a body, which must be no error. Raises `ProtocolError`."""
    value = an_object(parse(response.body))
    refuse_error(value, response)
    return value


def refuse_error(value: Any, response: Response) -> None:
    """Raise `ProtocolError` for an error (a text, an object, true) in the body of a success; a number is no error."""
    error = value.get("error") if isinstance(value, dict) else None
    if (error and not isinstance(error, int | float)) or error is True:
        said = error.get("message", error) if isinstance(error, dict) else error
        raise ProtocolError(f"an error in an answer of status {response.status}: {shown(said)}", at="$.error")
