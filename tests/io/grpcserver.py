"""A real gRPC server of the test's own on loopback, in a thread with its own loop; what it answers is given."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import grpc.aio

Behaviour = Callable[[str, bytes, Any], Awaitable[bytes]]
"""Method path, message and context of a call, made into the answered message."""

PATIENCE = 10.0


class _Everything(grpc.GenericRpcHandler):
    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        path = handler_call_details.method

        async def answer(message: bytes, context: Any) -> bytes:
            return await self._behaviour(path, message, context)

        return grpc.unary_unary_rpc_method_handler(answer)


@contextmanager
def serve_calls(
    behaviour: Behaviour, credentials: grpc.ServerCredentials | None = None, address: str = "127.0.0.1:0"
) -> Iterator[int]:
    """The port on which the calls are answered until the end of the `with`."""
    started: list[tuple[int, asyncio.AbstractEventLoop, asyncio.Event]] = []
    ready = threading.Event()

    async def serve() -> None:
        options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        server = grpc.aio.server(options=options)
        server.add_generic_rpc_handlers((_Everything(behaviour),))
        port = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
        await server.start()
        stop = asyncio.Event()
        started.append((port, asyncio.get_running_loop(), stop))
        ready.set()
        await stop.wait()
        await server.stop(0)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="grpc-server")
    thread.start()
    assert ready.wait(PATIENCE)
    port, loop, stop = started[0]
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(PATIENCE)
        assert not thread.is_alive()
