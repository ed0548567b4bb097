"""gRPC calls as HTTP/1.1 requests on their way through the link, so that every fault on HTTP answers can change them.

The near end takes calls from the harness, the far end makes them to the endpoint; between them a message is the JSON of
an answer, a status is the HTTP one that stands for it, and metadata are header lines. A message that no mutation
has changed leaves as the bytes that came. Tested in tests/commands/test_prove.py.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import grpc
import grpc.aio
import httpx

from harness.core.endpoint import Deadlines, Endpoint
from harness.core.exchange import Exchange, Request, Response
from harness.io.clock import Monotonic
from harness.io.grpc import HTTP_STATUSES, GrpcTransport
from harness.proving.grpc_messages import read_message_json, write_message_json

_UNLIMITED = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))
_DEADLINES = Deadlines(connect=60.0, first_byte=3600.0, inter_token=3600.0, total=3600.0)
"""Those of the harness end a call; these only end what it has forgotten."""
_FRAMING = frozenset({"content-length", "content-type", "transfer-encoding", "connection", "date", "grpc-status"})
_MOST_MESSAGES = 4096
_CODES = {status: code for code, status in reversed(HTTP_STATUSES.items())} | {400: 3, 409: 6, 500: 13}
"""The gRPC status for the HTTP status of an answer that a mutation has put in place of the true one."""


class GrpcBridge:
    """Both ends, on the loop that enters it. `near` and `far` are paths of Unix sockets on which they listen.

    The near end sends to the Unix socket `proxy`.
    """

    def __init__(self, endpoint: Endpoint, near: str, proxy: str, far: str) -> None:
        bare = replace(endpoint, headers=(), credentials=None, signer=None)
        self._far_end = GrpcTransport(bare, clock=Monotonic())
        self._near, self._proxy, self._far = near, proxy, far
        self._messages: OrderedDict[bytes, bytes] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Listen at both ends."""
        self._way = await asyncio.start_unix_server(self._serve, self._far)
        self._requests = httpx.AsyncHTTPTransport(uds=self._proxy, limits=httpx.Limits(max_keepalive_connections=0))
        self._server = grpc.aio.server(options=_UNLIMITED)
        self._server.add_generic_rpc_handlers((_NearEnd(self),))
        self._server.add_insecure_port(f"unix:{self._near}")
        await self._server.start()

    async def close(self) -> None:
        """End every call."""
        await self._server.stop(0)
        self._way.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._requests.aclose()
        await self._far_end.aclose()

    async def answer(self, path: str, message: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        """Carry a call of the harness on as an HTTP request, and answer it with what comes back."""
        lines = [(name, _to_text(value)) for name, value in context.invocation_metadata() or ()]
        lines = [(name, value) for name, value in lines if name not in _FRAMING and name != "user-agent"]
        request = httpx.Request("POST", f"http://link{path}", headers=lines, content=message)
        try:
            response = await self._requests.handle_async_request(request)
            body = await response.aread()
        except httpx.HTTPError as error:
            await context.abort(grpc.StatusCode.UNAVAILABLE, f"connection closed ({error})")
        metadata = [line for line in response.headers.items() if _is_metadata(*line)]
        if response.status_code != HTTPStatus.OK:
            code = _find_code(response)
            await context.abort(code, body.decode("utf-8", "replace"), tuple(metadata))
        await context.send_initial_metadata(metadata)
        if not response.headers.get("content-type", "").startswith("application/json"):
            return body
        return self._messages.get(path.encode() + body) or read_message_json(path, body)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One HTTP request of the proxy, made as a call to the endpoint."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            request = await _read_request(reader)
            call = asyncio.ensure_future(self._far_end.exchange(request, credentials=None, deadlines=_DEADLINES))
            left = asyncio.ensure_future(reader.read(1))
            try:
                await asyncio.wait([call, left], return_when=asyncio.FIRST_COMPLETED)
                if call.done():
                    writer.write(self._write_answer(request.path, call.result()))
                    await writer.drain()
            finally:
                call.cancel()
                left.cancel()
                writer.close()

    def _write_answer(self, path: str, exchange: Exchange) -> bytes:
        """What the proxy gets; nothing for a call that was not answered, so that its connection ends."""
        response = exchange.response
        if response is None or not response.header("grpc-status"):
            return b""
        body, media = response.body, "text/plain" if exchange.error else "application/octet-stream"
        text = None if exchange.error else write_message_json(path, body)
        if text is not None:
            self._keep(path.encode() + text, body)
            body, media = text, "application/json"
        lines = [line for line in response.headers if line[0] not in _FRAMING or line[0] == "grpc-status"]
        lines += [("content-type", media), ("content-length", str(len(body))), ("connection", "close")]
        head = "".join(f"{name}: {value}\r\n" for name, value in lines)
        return f"HTTP/1.1 {response.status} {_name_status(response)}\r\n{head}\r\n".encode("latin-1", "replace") + body

    def _keep(self, text: bytes, message: bytes) -> None:
        self._messages[text] = message
        if len(self._messages) > _MOST_MESSAGES:
            self._messages.popitem(last=False)


class _NearEnd(grpc.GenericRpcHandler):
    """Every unary call, at whatever path."""

    def __init__(self, bridge: GrpcBridge) -> None:
        self._bridge = bridge

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        path = handler_call_details.method

        async def answer(message: bytes, context: Any) -> bytes:
            return await self._bridge.answer(path, message, context)

        return grpc.unary_unary_rpc_method_handler(answer)


async def _read_request(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    start, *rows = head.rstrip().split("\r\n")
    lines = [(name.lower(), value.strip()) for name, _, value in (row.partition(":") for row in rows)]
    body = await reader.readexactly(int(dict(lines).get("content-length", "0")))
    metadata = [line for line in lines if line[0] not in _FRAMING and line[0] != "host"]
    return Request("POST", start.split(" ")[1], (*metadata, ("content-type", "application/grpc")), body)


def _find_code(response: httpx.Response) -> grpc.StatusCode:
    """The call's own status, or the one that stands for the HTTP status of a mutation."""
    own = int(response.headers.get("grpc-status", "0"))
    if HTTP_STATUSES.get(own) != response.status_code:
        own = _CODES.get(response.status_code, 13 if response.is_server_error else 3)
    return next(code for code in grpc.StatusCode if code.value[0] == own)


def _is_metadata(name: str, value: str) -> bool:
    """Whether a header line can be metadata of the call."""
    return name not in _FRAMING and not name.startswith("grpc-") and value.isascii() and value.isprintable()


def _name_status(response: Response) -> str:
    try:
        return HTTPStatus(response.status).phrase
    except ValueError:
        return "Unknown"


def _to_text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
