"""Making requests, and reading the responses to probes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from harness.core.endpoint import Endpoint
from harness.core.errors import ProtocolError, UsageError
from harness.core.exchange import Request, Response
from harness.core.json_text import parse_json

UNKNOWN_PATH = "/aiharness-no-such-path"
"""A path that no service has. A response that other paths get too (a catch-all page, 401 everywhere) proves nothing."""

OPENAPI_PATH = "/openapi.json"
JSON_HEADERS = (("content-type", "application/json"),)
_MISSING_STATUSES = frozenset({301, 302, 303, 307, 308, 404, 405, 410, 501})


def make_get(path: str) -> Request:
    """A GET request, which must be harmless."""
    return Request("GET", path)


def make_post(path: str, value: Any, *, stream: bool = False) -> Request:
    """A POST request with a JSON body. Raises `UsageError` for a value that cannot be written as JSON."""
    return Request("POST", path, JSON_HEADERS, dump_json(value), stream)


def dump_json(value: Any) -> bytes:
    """Compact JSON in ASCII, always the same bytes. Raises `UsageError` for NaN, Infinity and values not in JSON."""
    if _is_matrix(value) and b"null" not in (data := msgspec.json.encode(value)):  # it writes NaN as null
        return data
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"the query cannot be written as JSON ({error}); give strings, numbers and lists") from None


def _is_matrix(value: Any) -> bool:
    """Whether it is rows of floats, which msgspec writes twenty times faster."""
    if not isinstance(value, list) or not value or not all(type(row) is list for row in value):
        return False
    return all(type(number) is float for row in value for number in row)


def read_page(answers: Mapping[str, Response], role: str) -> Any:
    """The JSON value of the response to a probe.

    None if there is no successful response, if it is not JSON, or if an unknown path gets the same.
    """
    response, unknown = answers.get(role), answers.get("nowhere")
    if response is None or not 200 <= response.status < 300:
        return None
    if unknown is not None and unknown.status == response.status and unknown.body == response.body:
        return None
    return read_json(response)


def read_json(response: Response) -> Any:
    """The JSON value of a body, or None if it is not valid JSON."""
    try:
        return parse_json(response.body)
    except ProtocolError:
        return None


def get_status(answers: Mapping[str, Response], role: str) -> int | None:
    """The status of the response to a probe, or None without a response."""
    return answers[role].status if role in answers else None


def is_offered(answers: Mapping[str, Response], role: str) -> bool:
    """Whether the path of a probe exists: its response differs from that of an unknown path."""
    response, unknown = answers.get(role), answers.get("nowhere")
    if response is None or response.status in _MISSING_STATUSES:
        return False
    return unknown is None or (response.status, response.content_type) != (unknown.status, unknown.content_type)


def needs_credentials(answers: Mapping[str, Response], role: str) -> bool:
    """Whether a probe was refused because credentials are missing or wrong."""
    return get_status(answers, role) in (401, 403)


def join_path(endpoint: Endpoint, path: str) -> str:
    """The path as the server sees it: after the path in the URL of the endpoint."""
    return urlsplit(endpoint.url).path.rstrip("/") + path


def has_rows(sample: Any) -> bool:
    """Whether an input is a list of rows, or an object with a list for each name, so that requests can be batched."""
    if isinstance(sample, dict):
        return bool(sample) and all(isinstance(rows, list) and rows for rows in sample.values())
    return isinstance(sample, list) and bool(sample) and isinstance(sample[0], list | dict)
