"""What the adapters share: making requests, and reading the answers to probes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from harness.core.endpoint import Endpoint
from harness.core.errors import ProtocolError, UsageError
from harness.core.exchange import Request, Response
from harness.core.json_text import parse_json

UNKNOWN_PATH = "/aiharness-no-such-path"
"""A path that no service has: what it answers there (a catch-all page, 401 for everything) proves nothing elsewhere."""

OPENAPI_PATH = "/openapi.json"
JSON_HEADERS = (("content-type", "application/json"),)
_NOT_THERE = frozenset({301, 302, 303, 307, 308, 404, 405, 410, 501})


def make_get(path: str) -> Request:
    """A harmless request."""
    return Request("GET", path)


def make_post(path: str, value: Any, *, stream: bool = False) -> Request:
    """A request with a JSON body. Raises `UsageError` for a value that JSON cannot hold."""
    return Request("POST", path, JSON_HEADERS, dump_json(value), stream)


def dump_json(value: Any) -> bytes:
    """Compact JSON in ASCII, the same bytes each time. Raises `UsageError` for NaN, Infinity and foreign types."""
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"the query cannot be written as JSON ({error}); give strings, numbers and lists") from None


def read_page(answers: Mapping[str, Response], role: str) -> Any:
    """The JSON value that a probe was answered with; None when it failed, or brought no JSON, or brought only what
    the service says at a path that no one has.
    """
    response, nowhere = answers.get(role), answers.get("nowhere")
    if response is None or not 200 <= response.status < 300:
        return None
    if nowhere is not None and nowhere.status == response.status and nowhere.body == response.body:
        return None
    return read_json(response)


def read_json(response: Response) -> Any:
    """The JSON value of a body, or None when it is none."""
    try:
        return parse_json(response.body)
    except ProtocolError:
        return None


def get_status(answers: Mapping[str, Response], role: str) -> int | None:
    """The status that a probe was answered with, or None."""
    return answers[role].status if role in answers else None


def is_offered(answers: Mapping[str, Response], role: str) -> bool:
    """Whether something stands at a probe's path: an answer of its own, unlike the one for a path that no one has."""
    found, nowhere = answers.get(role), answers.get("nowhere")
    if found is None or found.status in _NOT_THERE:
        return False
    return nowhere is None or (found.status, found.content_type) != (nowhere.status, nowhere.content_type)


def needs_credentials(answers: Mapping[str, Response], role: str) -> bool:
    """Whether a probe was refused for want of credentials."""
    return get_status(answers, role) in (401, 403)


def join_path(endpoint: Endpoint, path: str) -> str:
    """The path as the server sees it: with the prefix that stands in the endpoint's URL."""
    return urlsplit(endpoint.url).path.rstrip("/") + path


def has_rows(sample: Any) -> bool:
    """Whether an input is a list of rows, or an object with a list for each name: several can go in one request."""
    if isinstance(sample, dict):
        return bool(sample) and all(isinstance(each, list) and each for each in sample.values())
    return isinstance(sample, list) and bool(sample) and isinstance(sample[0], list)
