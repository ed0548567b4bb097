"""Read the JSON body of a request, and convert it into a typed structure."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from itertools import chain
from typing import Annotated, Any, TypeVar

import msgspec
from starlette.requests import Request

from harness.core import json_text
from harness.core.errors import ProtocolError
from harness.reference.api_error import ApiError
from harness.reference.digits import HIGH, LOW
from harness.reference.settings import ServiceSettings

Pixel = Annotated[float, msgspec.Meta(ge=LOW, le=HIGH)]
_T = TypeVar("_T")
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
        raise ApiError(400, "the body is not a JSON object", "invalid_json")
    if b"\\u" in body and any(_SURROGATE.search(text) for text in _list_texts(value)):
        raise ApiError(400, "a text in the body holds a lone surrogate, which is not Unicode text", "invalid_text")
    return value


def convert(value: Any, shape: type[_T], at: str = "") -> _T:
    """A JSON value as a structure. Raises `ApiError` 400 that names the first wrong place in it, below `at`."""
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(" - at `$")
        field = text.partition("missing required field `")[2]
        place = at + path.rstrip("`") + (field and f".{field.rstrip('`')}")
        raise refuse(place.removeprefix("."), text[:200]) from None


def refuse(place: str, problem: str, code: str = "invalid_value") -> ApiError:
    """The 400 that names a place in the body and says what is wrong with it."""
    return ApiError(400, f"{place}: {problem}", code, param=place or None)


def _check_media_type(request: Request) -> None:
    media, *parameters = (part.strip().lower() for part in request.headers.get("content-type", "").split(";"))
    charsets = {part for part in parameters if part.startswith("charset=")}
    if media != "application/json" or charsets - {"charset=utf-8", 'charset="utf-8"'}:
        raise ApiError(415, "send the body as application/json in UTF-8", "unsupported_media_type")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise ApiError(415, "send the body without a content encoding", "unsupported_media_type")


async def _read(request: Request, limit: int) -> bytes:
    refusal = ApiError(413, f"the body is over {limit} bytes", "too_large")
    announced = request.headers.get("content-length", "0")
    if announced.isdigit() and int(announced[:20]) > limit:
        raise refusal
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > limit:
            raise refusal
    return bytes(body)


def _list_texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from chain(value, *map(_list_texts, value.values()))
    elif isinstance(value, list):
        yield from chain.from_iterable(map(_list_texts, value))
