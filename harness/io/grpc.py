"""The gRPC transport: one unary call over grpc.aio, its messages as bytes, under the deadlines and caps of HTTP.

An answer has the HTTP status that google/rpc/code.proto gives its gRPC status, so that whoever judges statuses judges
these too, and both are in its headers. A unary answer comes whole: its first byte is its last, and `inter_token` has
nothing to measure. Nothing is sent twice, no proxy is taken from the environment.
"""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import httpx

from harness.core.endpoint import Endpoint
from harness.core.errors import ErrorClass, TransportError, UsageError
from harness.core.exchange import Response
from harness.io.clock import Clock
from harness.io.deadline_timer import DeadlineTimer
from harness.io.http import HttpTransport, Pool, format_user_agent
from harness.io.response_reader import Caps, ResponseReader

_CONTENT_TYPE = "application/grpc"

HTTP_STATUSES = {
    0: 200, 1: 499, 2: 500, 3: 400, 4: 504, 5: 404, 6: 409, 7: 403, 8: 429,
    9: 400, 10: 409, 11: 400, 12: 501, 13: 500, 14: 503, 15: 500, 16: 401,
}  # fmt: skip
"""HTTP statuses of the gRPC ones (google/rpc/code.proto)."""

_NOT_SENT = frozenset(
    {"host", "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "te", "content-length"}
    | {"content-type", "user-agent", "accept", "accept-encoding"}
)
"""Header lines that gRPC has no use for, or its own of."""

_OWN = frozenset({"content-type", "content-encoding", "grpc-status", "grpc-message"})

_UNCONNECTED = (
    (ErrorClass.TLS, re.compile(r"handshak|\bssl\b|\btls\b|certificate|verification check", re.I)),
    (ErrorClass.MALFORMED, re.compile(r"parsing HTTP/2|http1\.x server", re.I)),
    (ErrorClass.NAME, re.compile(r"resolving|name resolution|hostname lookup", re.I)),
    (ErrorClass.CONNECT, re.compile(r"")),
)
_BROKEN = (
    (ErrorClass.TOO_LARGE, re.compile(r"CLIENT: (Received|Decompressed) message larger|metadata size exceeds", re.I)),
    (ErrorClass.MALFORMED, re.compile(r"http2 header with status|parsing HTTP/2|invalid content-type", re.I)),
    (
        ErrorClass.CLOSED,
        re.compile(
            r"socket closed|connection reset|broken pipe|stream removed|RST_STREAM|transport closed|endpoint closing"
            r"|keepalive watchdog|GOAWAY received|connection closed",
            re.I,
        ),
    ),
)
"""What the gRPC library itself says: a status of its own making carries no other mark (grpcio 1.85)."""


class GrpcTransport(HttpTransport):
    """Carries out unary calls with one endpoint: plaintext for an http URL, TLS for https, or over a unix socket.

    Raises `UsageError` on construction as `HttpTransport` does, and for a proxy.
    """

    def __init__(self, endpoint: Endpoint, *, clock: Clock, caps: Caps | None = None) -> None:
        super().__init__(endpoint, clock=clock, caps=caps)
        if endpoint.proxy is not None:
            raise UsageError("gRPC is not sent through a proxy; take [endpoint] proxy out")

    async def _converse(
        self, connections: Any, outgoing: httpx.Request, course: DeadlineTimer, intake: ResponseReader
    ) -> None:
        if outgoing.headers.get("content-type") != _CONTENT_TYPE:
            raise TransportError(ErrorClass.HARNESS, f"a request that is no gRPC call: {outgoing.url.path}")
        course.dialled = True
        ready = await _connected(connections)
        metadata = [(name.lower(), value) for name, value in outgoing.headers.items() if name.lower() not in _NOT_SENT]
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = connections.unary_unary(outgoing.url.raw_path.decode())
        if ready:
            course.sending()
            course.waiting()
        asked = call(outgoing.content, metadata=metadata, wait_for_ready=False)
        try:
            answer: bytes = await asked
            lines = [*(await asked.initial_metadata()), *(await asked.trailing_metadata())]
            self._take(0, lines, answer, course, intake)
        except grpc.aio.AioRpcError as error:
            code, told = error.code().value[0], error.details() or ""
            if (broke := _local(code, told, ready)) is not None:
                raise broke from None
            lines = [*(error.initial_metadata() or ()), *(error.trailing_metadata() or ())]
            self._take(code, lines, told.encode("utf-8", "replace"), course, intake)
        finally:
            asked.cancel()

    def _take(
        self,
        code: int,
        lines: list[tuple[str, str | bytes]],
        body: bytes,
        course: DeadlineTimer,
        intake: ResponseReader,
    ) -> None:
        given = [(k, v.decode("latin-1") if isinstance(v, bytes) else v) for k, v in lines if k not in _OWN]
        kind, said = (_CONTENT_TYPE, "") if code == 0 else ("text/plain", _one_line(body.decode("utf-8", "replace")))
        own = {"content-type": kind, "grpc-status": str(code), **({"grpc-message": said} if said else {})}
        intake.head(Response(HTTP_STATUSES.get(code, 500), (*given, *own.items()), http_version="HTTP/2"))
        if body:
            intake.piece(body, course.received())
        intake.end(course.ended)

    def _judge(self, response: Response) -> tuple[ErrorClass, str] | None:
        code = response.header("grpc-status") or "2"
        if code == "0":
            return None
        name = next((each.name for each in grpc.StatusCode if str(each.value[0]) == code), "")
        return ErrorClass.STATUS, f"gRPC {code} {name}: {response.header('grpc-message') or 'no message'}"

    def _spoiled(self, connections: grpc.aio.Channel, course: DeadlineTimer) -> bool:
        """One that failed to connect waits before it tries again: it is left."""
        return course.done is None and connections.get_state() is not grpc.ChannelConnectivity.READY

    def _fresh_pool(self) -> Pool:
        host = f"[{self.endpoint.host}]" if ":" in self.endpoint.host else self.endpoint.host
        unix = self.endpoint.unix_socket
        target = f"unix:{unix}" if unix else f"dns:///{host}:{self.endpoint.port}"
        options = (
            ("grpc.enable_http_proxy", 0),
            ("grpc.enable_retries", 0),
            ("grpc.service_config_disable_resolution", 1),
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.max_receive_message_length", self.caps.body_bytes),
            ("grpc.max_send_message_length", -1),
            ("grpc.max_metadata_size", self.caps.header_bytes),
            ("grpc.absolute_max_metadata_size", self.caps.header_bytes),
            ("grpc.primary_user_agent", format_user_agent()),
        )
        if self.endpoint.is_secure:
            made = grpc.aio.secure_channel(target, _credentials(self.endpoint), options)
        else:
            made = grpc.aio.insecure_channel(target, options)
        return Pool(made, made.close)


async def _connected(channel: grpc.aio.Channel) -> bool:
    """Whether a connection stands, once it does or has failed for the first time."""
    state = channel.get_state(try_to_connect=True)
    while state is not grpc.ChannelConnectivity.READY:
        if state in (grpc.ChannelConnectivity.TRANSIENT_FAILURE, grpc.ChannelConnectivity.SHUTDOWN):
            return False
        await channel.wait_for_state_change(state)
        state = channel.get_state(try_to_connect=True)
    return True


def _local(code: int, told: str, ready: bool) -> TransportError | None:
    """The error of a call that ended with a status which the peer did not send, or None where it did."""
    if not ready:
        kind = next(kind for kind, pattern in _UNCONNECTED if pattern.search(told))
        return TransportError(kind, f"{'not gRPC' if kind is ErrorClass.MALFORMED else 'no connection'} ({told})")
    broke = next((kind for kind, pattern in _BROKEN if code in _LIBRARYS and pattern.search(told)), None)
    return None if broke is None else TransportError(broke, f"{_SAYS[broke]} ({told})")


_LIBRARYS = frozenset({1, 2, 8, 12, 13, 14, 15})
_SAYS = {
    ErrorClass.TOO_LARGE: "the answer is larger than is read",
    ErrorClass.MALFORMED: "what came back is not gRPC",
    ErrorClass.CLOSED: "the connection or the call was ended before the answer came",
}


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def _credentials(endpoint: Endpoint) -> grpc.ChannelCredentials:
    """Read once more, as gRPC wants them; `HttpTransport` has refused what cannot be used."""
    tls, known = endpoint.tls, ssl.get_default_verify_paths().cafile
    roots, cert = tls.ca_file or known, tls.client_cert
    return grpc.ssl_channel_credentials(
        Path(roots).read_bytes() if roots else None,
        Path(tls.client_key or cert).read_bytes() if cert else None,
        Path(cert).read_bytes() if cert else None,
    )
