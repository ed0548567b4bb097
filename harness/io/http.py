"""The HTTP transport: one exchange over httpx, with our own deadlines and caps. It never raises for the peer."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections.abc import Awaitable, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, cast

import httpx

from harness.core.adapter import StreamDecoder
from harness.core.endpoint import Credentials, Deadlines, Endpoint, Secret
from harness.core.errors import ErrorClass, TransportError, UsageError
from harness.core.exchange import Exchange, Headers, Request, Response
from harness.core.redaction import redact_text
from harness.core.visible_text import cut_text
from harness.io import tls
from harness.io.clock import Clock
from harness.io.content import ACCEPTED
from harness.io.credentials import CredentialRenewal, load_signer, sign_request
from harness.io.deadline_timer import DeadlineTimer, Phase
from harness.io.error_map import classify_error
from harness.io.response_reader import Caps, ResponseReader

ENDPOINT_CREDENTIALS: Final = Credentials("bearer", Secret(""), source="the endpoint's own")
"""Means the endpoint's own credentials, whatever they are; compared by identity."""

KEEPALIVE = 1.5
"""Seconds an idle connection is kept: below the shortest keep-alive default of common servers (gunicorn: 2 s), so
that the harness closes first and a request never races the server's close."""


@cache
def format_user_agent() -> str:
    """The `User-Agent` of every request: `aiharness/<version>`. Kept: reading the version takes .6 ms."""
    try:
        return f"aiharness/{version('aiharness')}"
    except PackageNotFoundError:
        return "aiharness"


STARVED = "the harness did not come to open a connection before the deadline: this machine is too busy"
"""The detail of an exchange that this machine was too busy to begin."""


@dataclass(eq=False, slots=True)
class Pool:
    """Connections to the endpoint. A retired pool gets no new exchange and is closed after its last one."""

    connections: Any
    close: Callable[[], Awaitable[None]]
    busy: int = 0


class HttpTransport:
    """Carries out exchanges with one endpoint over HTTP/1.1, and over HTTP/2 where the endpoint asks for it.

    No redirect is followed, no cookie kept, no environment variable read, nothing sent twice. Raises `UsageError`
    on construction for TLS files, a proxy or header values that cannot be used.
    """

    def __init__(self, endpoint: Endpoint, *, clock: Clock, caps: Caps | None = None) -> None:
        self.endpoint = endpoint
        self.clock = clock
        self.caps = caps or Caps()
        self._base = _get_base_url(endpoint)
        _check_lines("the endpoint's headers", endpoint.headers)
        if endpoint.credentials:
            _check_lines(endpoint.credentials.source or "credentials", endpoint.credentials.build_headers())
        is_used = endpoint.is_secure or (endpoint.proxy or "").lower().startswith("https:")
        self._context = tls.create_context(endpoint.tls, is_used=is_used)
        self._proxy = _create_proxy(endpoint.proxy, self._context)
        self._renewal = CredentialRenewal(endpoint.credentials, clock)
        self._sign = load_signer(endpoint.signer) if endpoint.signer else None
        self._pool: Pool | None = None
        self._pools: set[Pool] = set()

    async def exchange(
        self,
        request: Request,
        *,
        decoder: StreamDecoder | None = None,
        credentials: Credentials | None = ENDPOINT_CREDENTIALS,
        intended: float | None = None,
        deadlines: Deadlines | None = None,
    ) -> Exchange:
        """Send one request and read its response; failures are in the exchange's `error` and `detail`.

        `decoder` decodes the body of a success that is a stream. `credentials` None sends none. `intended` is
        the scheduled time of sending on the transport's clock; None: now. `deadlines` None: the endpoint's.
        """
        used = self.endpoint.credentials if credentials is ENDPOINT_CREDENTIALS else credentials
        timer = DeadlineTimer(deadlines or self.endpoint.deadlines, self.clock, intended)
        reader = ResponseReader(self.caps, decoder)
        failure: tuple[ErrorClass, str] | None = None
        timeout = asyncio.timeout(None)
        try:
            async with timeout:
                timer.start(timeout)
                if used is self.endpoint.credentials:
                    await self._renewal.renew_if_old()
                await self._carry_out(self._build_request(request, used, timer), timer, reader)
        except Exception as problem:
            failure = self._describe_timeout(timer) if timeout.expired() else self._classify_failure(problem, timer)
        response = reader.response
        if failure is None and response is not None:
            failure = self._classify_response(response)
        error, detail = failure or (None, "")
        secrets = self.endpoint.list_secrets()
        if used is not None:
            secrets += used.list_secrets()
        detail = _shorten(redact_text(detail, secrets))
        timing = timer.make_timing(reader.tokens, reader.output)
        return Exchange(request, timing, response, events=tuple(reader.events), error=error, detail=detail)

    async def aclose(self) -> None:
        """Close every connection; exchanges still under way break."""
        pools, self._pools, self._pool = self._pools, set(), None
        for pool in pools:
            await pool.close()

    async def _carry_out(self, outgoing: httpx.Request, timer: DeadlineTimer, reader: ResponseReader) -> None:
        pool = self._pool = self._pool or self._create_pool()
        self._pools.add(pool)
        pool.busy += 1
        try:
            await self._send_and_read(pool.connections, outgoing, timer, reader)
        finally:
            pool.busy -= 1
            await timer.close_half_open()
            if pool is self._pool and self._must_retire(pool.connections, timer):
                self._pool = None
            if pool is not self._pool and not pool.busy and pool in self._pools:
                self._pools.discard(pool)
                await pool.close()

    async def _send_and_read(
        self, connections: Any, outgoing: httpx.Request, timer: DeadlineTimer, reader: ResponseReader
    ) -> None:
        response = await connections.handle_async_request(outgoing)
        stream = cast(httpx.AsyncByteStream, response.stream)
        async with aclosing(stream):
            reader.read_head(_read_head(response))
            async for data in stream:
                if data:
                    reader.read_piece(data, timer.stamp_piece())
            reader.finish(timer.stamp_end)

    def _must_retire(self, connections: Any, timer: DeadlineTimer) -> bool:
        """Whether no other exchange may use the connections of this one.

        httpcore sends no RST_STREAM: what the peer still sends for the abandoned stream would use up the connection's
        flow-control window and stall the exchanges beside it.
        """
        return timer.is_http2 and timer.done is None

    def _create_pool(self) -> Pool:
        transport = httpx.AsyncHTTPTransport(
            verify=self._context,
            trust_env=False,
            http2=self.endpoint.http2,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=200, keepalive_expiry=KEEPALIVE),
            proxy=self._proxy,
            uds=self.endpoint.unix_socket,
        )
        return Pool(transport, transport.aclose)

    def _build_request(self, request: Request, used: Credentials | None, timer: DeadlineTimer) -> httpx.Request:
        if not request.path.startswith("/"):
            raise TransportError(ErrorClass.HARNESS, f"the path {request.path!r} does not start with a slash")
        own: Headers = (("user-agent", format_user_agent()), ("accept", "*/*"), ("accept-encoding", ACCEPTED))
        lines = merge_headers(own, self.endpoint.headers, used.build_headers() if used else (), request.headers)
        url = self._base + self.endpoint.add_query(request.path)
        if self._sign is not None and used is self.endpoint.credentials:
            lines = merge_headers(
                lines, sign_request(self._sign, self.endpoint, request.method, url, tuple(lines), request.body)
            )
        for name, value in lines:
            if _UNSENDABLE.search(name + value):
                raise TransportError(ErrorClass.HARNESS, f"the value of header {name!r} holds a control character")
        return httpx.Request(
            request.method,
            url,
            headers=[(name.encode(), value.encode()) for name, value in lines],
            content=request.body,
            extensions={"trace": timer.trace},
        )

    def _describe_timeout(self, timer: DeadlineTimer) -> tuple[ErrorClass, str]:
        """The error class and detail of the deadline that ended the exchange."""
        error, detail = timer.describe_timeout()
        # Over HTTP/1 a connection may always be opened: a request that began none waited for the harness itself.
        shares_connections = self.endpoint.http2 or self.endpoint.is_grpc
        if timer.phase is Phase.CONNECT and not timer.step and not shares_connections:
            return ErrorClass.HARNESS, STARVED
        return error, detail

    def _classify_failure(self, problem: Exception, timer: DeadlineTimer) -> tuple[ErrorClass, str]:
        """The error class and detail of an exception, given how far the exchange had come."""
        error, detail = classify_error(problem)
        if error is ErrorClass.HARNESS:
            return error, detail
        if timer.phase is Phase.CONNECT:
            layer, _, step = timer.step.partition(".")
            tunnelled = layer == "http2" or timer.step in ("proxy.start_tls", "socks.start_tls")
            if self.endpoint.proxy is not None and not tunnelled:
                if error is not ErrorClass.PROXY:
                    detail = f"the proxy cannot be used: {detail}"
                return ErrorClass.PROXY, detail
            if step == "start_tls" and error in (ErrorClass.CONNECT, ErrorClass.CLOSED):
                return ErrorClass.TLS, "the peer ended the TLS handshake"
            if error is ErrorClass.CLOSED:
                return ErrorClass.CONNECT, detail
            return error, detail
        if error is ErrorClass.TLS and (timer.first_byte is not None or not timer.is_new_connection):
            error = ErrorClass.CLOSED  # TLS had come about: only the first exchange can meet a refused handshake
        if error is ErrorClass.CLOSED and not timer.is_new_connection:
            return error, f"{detail}; the connection had been kept alive from an earlier exchange"
        return error, detail

    def _classify_response(self, response: Response) -> tuple[ErrorClass, str] | None:
        failure = classify_status(response)
        if failure and response.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED and self.endpoint.proxy is not None:
            return ErrorClass.PROXY, f"{failure[1]} from the proxy"
        return failure


def is_starved(exchange: Exchange) -> bool:
    """Whether this machine was too busy to begin an exchange: nothing was sent."""
    return exchange.error is ErrorClass.HARNESS and exchange.detail == STARVED


def classify_status(response: Response) -> tuple[ErrorClass, str] | None:
    """The error class and detail of a status that is not a success; None for a success."""
    if 200 <= response.status < 300:
        return None
    status, location = response.status, response.header("location")
    detail = f"HTTP {status}"
    with contextlib.suppress(ValueError):
        detail += f" {HTTPStatus(status).phrase}"
    if 300 <= status < 400 and location is not None:
        where = re.sub(r"//[^/]*@", "//***@", location.partition("?")[0])
        return ErrorClass.REDIRECT, f"{detail} to {where}; redirects are not followed"
    return ErrorClass.STATUS, detail


def _read_head(response: httpx.Response) -> Response:
    lines = tuple((name.lower().decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw)
    version = response.extensions.get("http_version", b"HTTP/1.1").decode("ascii", "replace")
    return Response(response.status_code, lines, http_version=version)


_UNSENDABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def _get_base_url(endpoint: Endpoint) -> str:
    try:
        httpx.URL(endpoint.url + "/")
    except (httpx.InvalidURL, ValueError) as error:
        raise UsageError(f"endpoint {endpoint.url!r} is not a usable URL: {error}") from None
    return endpoint.url.rstrip("/")


def _create_proxy(url: str | None, context: ssl.SSLContext) -> httpx.Proxy | None:
    if url is None:
        return None
    try:
        return httpx.Proxy(url, ssl_context=context if url.lower().startswith("https:") else None)
    except (httpx.InvalidURL, ValueError):
        shown = "***@" + url.rpartition("@")[2] if "@" in url else url
        raise UsageError(
            f"proxy {shown!r} cannot be used; give one like http://host:3128 (http, https, socks5 or socks5h)"
        ) from None


def _check_lines(where: str, lines: Headers) -> None:
    for name, value in lines:
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
            raise UsageError(f"{where}: {name!r} is not a header name (RFC 9110 section 5.1)")
        if _UNSENDABLE.search(value):
            raise UsageError(f"{where}: the value of {name} holds a control character, perhaps a line break at its end")


def merge_headers(*layers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Header lines of all layers; a later layer's lines replace the earlier layers' of the same name."""
    lines: list[tuple[str, str]] = []
    for layer in layers:
        fresh = list(layer)
        named = {name.lower() for name, _ in fresh}
        lines = [line for line in lines if line[0].lower() not in named] + fresh
    return lines


def _shorten(text: str, most: int = 400) -> str:
    """Text that may quote the peer, as one printable line of limited length."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in cut_text(text, most))
