"""Pass a request on: which headers are forwarded and which never are, and the parts of an answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass

import httpx
from starlette.requests import Request

from harness.reference.api_error import ApiError

_Headers = list[tuple[bytes, bytes]]
_MAX_BODY = 8 * 1024 * 1024
BODY_S = 10.0

_HOP_BY_HOP = {
    *(b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection"),
    *(b"te", b"trailer", b"transfer-encoding", b"upgrade"),
}
"""Headers that end at this hop (RFC 9110, section 7.6.1)."""
_SECRET = {b"authorization", b"cookie", b"x-api-key", b"api-key"}
_REMADE = {b"host", b"content-length", b"expect", b"date", b"server", b"x-request-id"}


@dataclass(frozen=True, slots=True)
class UpstreamCall:
    """A request that can be sent as often as needed: `path` is decoded, `target` the raw path with its query."""

    method: str
    path: str
    target: bytes
    headers: _Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class UpstreamAnswer:
    """What can be delivered now: a whole body, or the first events of a stream and, in `rest`, the later ones.

    `close` gives the connection back; it must be awaited, and a second call does nothing.
    """

    status: int
    headers: _Headers
    body: bytes
    rest: AsyncIterator[bytes] | None
    close: Callable[[], Awaitable[None]]


def select_headers(headers: Iterable[tuple[bytes, bytes]]) -> _Headers:
    """The headers to forward: not those of this hop, not those with a secret, not those that each hop makes itself."""
    pairs = [(name.lower(), value) for name, value in headers]
    dropped = _HOP_BY_HOP | _SECRET | _REMADE
    for name, value in pairs:
        if name == b"connection":
            dropped |= {word.strip().lower() for word in value.split(b",")}
    return [(name, value) for name, value in pairs if name not in dropped]


async def read_call(request: Request) -> UpstreamCall:
    """The whole request. Raises `ApiError`: 413 over 8 MiB, 408 after 10 s, 400 for a target that is not a path."""
    target = request.scope.get("raw_path", b"") or request.url.path.encode()
    if query := request.scope["query_string"]:
        target += b"?" + query
    try:
        httpx.URL("http://upstream").copy_with(raw_path=target)
    except (httpx.InvalidURL, ValueError):
        raise ApiError(400, "the request's target is not a path", "invalid_target") from None
    headers = select_headers(request.headers.raw)
    headers.append((b"x-request-id", request.headers["x-request-id"].encode("latin-1")))
    return UpstreamCall(request.method, request.url.path, target, headers, await _body(request))


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for part in request.stream():
                body += part
                if len(body) > _MAX_BODY:
                    raise ApiError(413, f"the body is over {_MAX_BODY} bytes", "too_large")
    except TimeoutError:
        raise ApiError(408, "the body did not come in time", "timeout", headers={"connection": "close"}) from None
    return bytes(body)
