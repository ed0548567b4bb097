"""The gRPC transport: one unary call over grpc.aio, its messages as bytes, under the deadlines and caps of HTTP.

A response gets the HTTP status that google/rpc/code.proto gives its gRPC status, so that checks of statuses apply
to it too; both are in its headers. A unary answer comes in one piece: its first byte is its last, and `inter_token` has
nothing to measure. Nothing is sent twice, and no proxy is taken from the environment.
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
"""Header lines that gRPC does not use, or sets itself."""

_OWN = frozenset({"content-type", "content-encoding", "grpc-status", "grpc-message"})

_UNCONNECTED = (
    (ErrorClass.CERTIFICATE, re.compile(r"certificate.verify.failed|verification check", re.I)),
    (ErrorClass.TLS, re.compile(r"handshak|\bssl\b|\btls\b|certificate", re.I)),
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
"""Messages of the gRPC library: only they show that it made a status itself (grpcio 1.85)."""


class GrpcTransport(HttpTransport):
    """Carries out unary calls with one endpoint: plaintext for an http URL, TLS for https, or over a unix socket.

    Raises `UsageError` on construction as `HttpTransport` does, and for a proxy.
    """

    def __init__(self, endpoint: Endpoint, *, clock: Clock, caps: Caps | None = None) -> None:
        super().__init__(endpoint, clock=clock, caps=caps)
        if endpoint.proxy is not None:
            raise UsageError("gRPC is not sent through a proxy; remove [endpoint] proxy")
        if endpoint.query:
            raise UsageError("a gRPC call has no query; remove [endpoint] query")

    async def _send_and_read(
        self, connections: Any, outgoing: httpx.Request, timer: DeadlineTimer, reader: ResponseReader
    ) -> None:
        if outgoing.headers.get("content-type") != _CONTENT_TYPE:
            raise TransportError(ErrorClass.HARNESS, f"the request to {outgoing.url.path} is not a gRPC call")
        timer.is_new_connection = True
        connected = await _connect(connections)
        metadata = [(name.lower(), value) for name, value in outgoing.headers.items() if name.lower() not in _NOT_SENT]
        method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = connections.unary_unary(outgoing.url.raw_path.decode())
        if connected:
            timer.mark_connected()
            timer.mark_sent()
        call = method(outgoing.content, metadata=metadata, wait_for_ready=False)
        try:
            message: bytes = await call
            lines = [*(await call.initial_metadata()), *(await call.trailing_metadata())]
            self._read(0, lines, message, timer, reader)
        except grpc.aio.AioRpcError as problem:
            code, details = problem.code().value[0], problem.details() or ""
            if (local_error := _find_local_error(code, details, connected)) is not None:
                raise local_error from None
            lines = [*(problem.initial_metadata() or ()), *(problem.trailing_metadata() or ())]
            self._read(code, lines, details.encode("utf-8", "replace"), timer, reader)
        finally:
            call.cancel()

    def _read(
        self, code: int, lines: list[tuple[str, str | bytes]], body: bytes, timer: DeadlineTimer, reader: ResponseReader
    ) -> None:
        headers = []
        for name, value in lines:
            if name not in _OWN:
                headers.append((name, value.decode("latin-1") if isinstance(value, bytes) else value))
        headers += [("content-type", _CONTENT_TYPE if code == 0 else "text/plain"), ("grpc-status", str(code))]
        if code != 0 and body:
            headers.append(("grpc-message", _to_one_line(body.decode("utf-8", "replace"))))
        reader.read_head(Response(HTTP_STATUSES.get(code, 500), tuple(headers), http_version="HTTP/2"))
        if body:
            reader.read_piece(body, timer.stamp_piece())
        reader.finish(timer.stamp_end)

    def _classify_response(self, response: Response) -> tuple[ErrorClass, str] | None:
        code = response.header("grpc-status") or "2"
        if code == "0":
            return None
        name = next((status.name for status in grpc.StatusCode if str(status.value[0]) == code), "")
        return ErrorClass.STATUS, f"gRPC {code} {name}: {response.header('grpc-message') or 'no message'}"

    def _must_retire(self, connections: grpc.aio.Channel, timer: DeadlineTimer) -> bool:
        """A channel that failed to connect waits before it tries again: no other exchange uses it."""
        return timer.done is None and connections.get_state() is not grpc.ChannelConnectivity.READY

    def _create_pool(self) -> Pool:
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
            channel = grpc.aio.secure_channel(target, _read_credentials(self.endpoint), options)
        else:
            channel = grpc.aio.insecure_channel(target, options)
        return Pool(channel, channel.close)


async def _connect(channel: grpc.aio.Channel) -> bool:
    """Whether there is a connection, once there is one or the first attempt has failed."""
    state = channel.get_state(try_to_connect=True)
    while state is not grpc.ChannelConnectivity.READY:
        if state in (grpc.ChannelConnectivity.TRANSIENT_FAILURE, grpc.ChannelConnectivity.SHUTDOWN):
            return False
        await channel.wait_for_state_change(state)
        state = channel.get_state(try_to_connect=True)
    return True


def _find_local_error(code: int, details: str, connected: bool) -> TransportError | None:
    """The error of a call whose status the peer did not send: the gRPC library made it. None where the peer sent it."""
    if not connected:
        error = next(error for error, pattern in _UNCONNECTED if pattern.search(details))
        what = "not gRPC" if error is ErrorClass.MALFORMED else "no connection"
        return TransportError(error, f"{what} ({details})")
    if code in _LIBRARY_CODES:
        for error, pattern in _BROKEN:
            if pattern.search(details):
                return TransportError(error, f"{_EXPLANATIONS[error]} ({details})")
    return None


_LIBRARY_CODES = frozenset({1, 2, 8, 12, 13, 14, 15})
_EXPLANATIONS = {
    ErrorClass.TOO_LARGE: "the answer is over the cap",
    ErrorClass.MALFORMED: "what came back is not gRPC",
    ErrorClass.CLOSED: "the connection or the call was ended before the answer came",
}


def _to_one_line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)


def _read_credentials(endpoint: Endpoint) -> grpc.ChannelCredentials:
    """The TLS files, read again in gRPC's form; `HttpTransport` has refused files that cannot be used."""
    tls = endpoint.tls
    ca_file, cert = tls.ca_file or ssl.get_default_verify_paths().cafile, tls.client_cert
    roots = Path(ca_file).read_bytes() if ca_file else None
    if not cert:
        return grpc.ssl_channel_credentials(roots)
    return grpc.ssl_channel_credentials(roots, Path(tls.client_key or cert).read_bytes(), Path(cert).read_bytes())
