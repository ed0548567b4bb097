"""Below HTTP: the bytes that leave the service's socket, as switches change them.

An ASGI application cannot send a wrong content-length or a byte at a time: the server corrects or joins it. A `Wire`
sees what the server writes to one connection, in order, and yields what goes out instead.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, NamedTuple

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState


class WirePart(NamedTuple):
    """What the server writes at once: a head (`first`), a piece of body, or an empty end (`last`: the answer is whole).

    `scope` is its request's; `more`: the next request on the connection has come already.
    """

    data: bytes
    scope: Scope
    first: bool
    last: bool
    more: bool


Wire = Callable[[AsyncIterator[WirePart]], AsyncIterator[WirePart]]
"""One is made for each connection; the connection is closed when it ends, and reset when it raises `ResetLineError`."""


class ResetLineError(Exception):
    """Raised by a wire: the connection is reset."""


class Outbound(asyncio.Transport):
    """A connection's transport, whose writes pass the wires on their way."""

    def __init__(self, inner: asyncio.Transport, protocol: H11Protocol, wires: Sequence[Wire]) -> None:
        super().__init__()
        self._inner = inner
        self._protocol = protocol
        self._queue: asyncio.Queue[WirePart | None] = asyncio.Queue()
        self._closing = False
        self._task = asyncio.get_running_loop().create_task(self._pump(wires))

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Queue what the server writes."""
        cycle: Any = self._protocol.cycle  # None before the first request
        last = cycle is not None and cycle.response_complete
        if data or last:
            scope: Any = {} if cycle is None else cycle.scope
            more = bool(self._protocol.conn.trailing_data[0])
            self._queue.put_nowait(WirePart(bytes(data), scope, bytes(data[:7]) == b"HTTP/1.", last, more))

    def close(self) -> None:
        """Close when all that was written has gone its way."""
        self._closing = True
        self._queue.put_nowait(None)

    def reset(self) -> None:
        """End the connection at once, with a reset instead of an end."""
        self._closing = True
        linger = struct.pack("ii", 1, 0)
        with contextlib.suppress(OSError, AttributeError):
            self.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._inner.abort()

    def cancel(self) -> None:
        """Stop because the client has left."""
        self._task.cancel()

    def is_closing(self) -> bool:
        """Whether it is closed or about to be."""
        return self._closing or self._inner.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What the connection's own transport knows."""
        return self._inner.get_extra_info(name, default)

    def pause_reading(self) -> None:
        """Pause the connection's own transport."""
        self._inner.pause_reading()

    def resume_reading(self) -> None:
        """Resume the connection's own transport."""
        self._inner.resume_reading()

    async def _read_queue(self) -> AsyncIterator[WirePart]:
        while (part := await self._queue.get()) is not None:
            yield part

    async def _pump(self, wires: Sequence[Wire]) -> None:
        parts = self._read_queue()
        for wire in wires:
            parts = wire(parts)
        try:
            async for part in parts:
                if part.data:
                    self._inner.write(part.data)
        except ResetLineError:
            self.reset()
        else:
            self._closing = True
            self._inner.close()


def make_protocol(wires: Sequence[Wire]) -> type[asyncio.Protocol]:
    """A server's protocol whose answers pass the wires.

    Each request's scope has `drop`, a function that resets its connection.
    """

    class Wired(H11Protocol):
        transport: Outbound

        def __init__(
            self,
            config: uvicorn.Config,
            server_state: ServerState,
            app_state: dict[str, Any],
            _loop: asyncio.AbstractEventLoop | None = None,
        ) -> None:
            super().__init__(config, server_state, app_state, _loop)
            app: Any = self.app

            async def droppable(scope: Scope, receive: Receive, send: Send) -> None:
                scope["drop"] = self.transport.reset
                await app(scope, receive, send)

            self.app: Any = droppable

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(Outbound(transport, self, wires))

        def connection_lost(self, exc: Exception | None) -> None:
            self.transport.cancel()
            super().connection_lost(exc)

    return Wired
