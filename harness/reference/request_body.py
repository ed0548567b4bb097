"""What the three protocols share: reading a body, the checking of numbers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
from starlette.requests import Request

from harness.core import json_text
from harness.core.errors import ProtocolError
from harness.reference.api_error import ApiError
from harness.reference.digits import FEATURES, HIGH, LOW, Floats
from harness.reference.settings import ServiceSettings

_NAMES = {
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "an array",
    dict: "an object",
}
_SURROGATE = re.compile("[\ud800-\udfff]")


async def read_object(request: Request, settings: ServiceSettings) -> dict[str, Any]:
    """The JSON object in a request's body.

    Raises `ApiError` 415 for another media type, 413 over the size cap, 408 when it does not come, 400 when it is not
    a JSON object (bare NaN and lone surrogates included).
    """
    _check_media_type(request)
    try:
        async with asyncio.timeout(settings.body_timeout_s):
            body = await _read(request, settings.max_body)
    except TimeoutError:
        # The rest may still come at any time, so the connection cannot be used again.
        raise ApiError(408, "the body did not come in time", "timeout", headers={"connection": "close"}) from None
    try:
        value = json_text.parse_json(body, max_depth=settings.max_depth)
    except ProtocolError as error:
        raise ApiError(400, str(error), "invalid_json") from None
    if not isinstance(value, dict):
        raise ApiError(400, f"the body is {kind_of(value)}, not a JSON object", "invalid_json")
    if b"\\u" in body and any(_SURROGATE.search(text) for text in _texts(value)):
        raise ApiError(400, "a text in the body holds a lone surrogate, which is not Unicode text", "invalid_text")
    return value


def _check_media_type(request: Request) -> None:
    media, *parameters = (part.strip().lower() for part in request.headers.get("content-type", "").split(";"))
    charsets = [each for each in parameters if each.startswith("charset=")]
    if media != "application/json" or any(each not in ("charset=utf-8", 'charset="utf-8"') for each in charsets):
        raise ApiError(415, "send the body as application/json in UTF-8", "unsupported_media_type")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise ApiError(415, "send the body without a content encoding", "unsupported_media_type")


async def _read(request: Request, limit: int) -> bytes:
    refusal = ApiError(413, f"the body is over {limit} bytes", "too_large")
    announced = request.headers.get("content-length", "0")
    if announced.isdigit() and int(announced[:20]) > limit:
        raise refusal
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise refusal
        parts.append(part)
    return b"".join(parts)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from chain(value, *map(_texts, value.values()))
    elif isinstance(value, list):
        yield from chain.from_iterable(map(_texts, value))


def kind_of(value: Any) -> str:
    """The JSON kind of a value, for messages: `null`, `a boolean`, `a number`, `a string`, `an array`, `an object`."""
    return _NAMES.get(type(value), "null")


def read_features(values: Sequence[Any], at: str) -> Floats:
    """Pixels, flat, as (n, 64). Raises `ApiError` 400 that names the first value that is no number in 0..16."""
    for index, value in enumerate(values):
        # A boolean is an int to Python, and a text is a number to NumPy; to this service they are mistakes.
        if type(value) is not float and type(value) is not int:
            raise ApiError(400, f"{at}: value {index} is {kind_of(value)}, not a number", "invalid_type", param=at)
        if not LOW <= value <= HIGH:
            raise ApiError(400, f"{at}: value {index} is outside {LOW:g} to {HIGH:g}", "out_of_range", param=at)
    return np.array(values, dtype=np.float64).reshape(-1, FEATURES)
