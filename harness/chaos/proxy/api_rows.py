"""Bodies of requests to the API: read within limits, decoded as Toxiproxy does, refused with a clear message."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request

_MAX_BODY, _READ_SECONDS, _MAX_LEASE = 1 << 20, 15.0, 86_400_000


class ProxyRow(msgspec.Struct):
    """The keys with which a proxy is created or changed; null means that a key is absent, as in Go."""

    name: str | None = None
    listen: str | None = None
    upstream: str | None = None
    enabled: bool | None = None
    toxics: list[Any] | None = None
    lease_ms: Annotated[int, msgspec.Meta(ge=0, le=_MAX_LEASE)] | None = None


class ToxicRow(msgspec.Struct):
    """The keys with which a toxic is created or changed."""

    name: str | None = None
    type: str | None = None
    stream: str | None = None
    toxicity: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    attributes: dict[str, Any] | None = None
    lease_ms: Annotated[int, msgspec.Meta(ge=0, le=_MAX_LEASE)] | None = None
    seed: int | None = None


_Row = TypeVar("_Row", ProxyRow, ToxicRow)


class ApiRefusal(Exception):
    """A request that is refused: status, message, and for /populate the proxies that were created before."""

    def __init__(self, status: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status, self.message, self.more = status, message, more


async def read_api_body(request: Request) -> bytes:
    """The body of a request. Raises `ApiRefusal` for one that is too large or too slow."""
    raw = b""
    try:
        async with asyncio.timeout(_READ_SECONDS):
            async for piece in request.stream():
                raw += piece
                if len(raw) > _MAX_BODY:
                    raise ApiRefusal(413, f"the body is over {_MAX_BODY} bytes")
    except (TimeoutError, ClientDisconnect):
        raise ApiRefusal(408, f"the body did not come within {_READ_SECONDS:g} s") from None
    return raw


def decode_value(raw: bytes) -> Any:
    """The first JSON value; what follows it is ignored, as Toxiproxy does. Raises `ApiRefusal`."""
    try:
        text = raw.decode().lstrip()
        if not text:
            raise ValueError("EOF")
        return json.JSONDecoder().raw_decode(text)[0]
    except (ValueError, RecursionError) as error:
        raise ApiRefusal(400, f"bad request body: {error}") from None


def convert_row(value: Any, row_type: type[_Row]) -> _Row:
    """An object whose keys match in any case, as Go's do; unknown keys are ignored. Raises `ApiRefusal`."""
    if isinstance(value, dict):
        value = {key.lower(): inner for key, inner in value.items()}
    try:
        return msgspec.convert({} if value is None else value, row_type)
    except msgspec.ValidationError as error:
        raise ApiRefusal(400, f"bad request body: {error}") from None
