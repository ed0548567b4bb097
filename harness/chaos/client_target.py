"""The service under test as disturbances reach it: raw connections over asyncio, each of them closed on every way out.

Tested in tests/chaos/test_direct.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from harness.chaos.queries import QueryPool, mark_request
from harness.core.disturbance import PeerConnection
from harness.core.errors import UsageError
from harness.io.raw import encode_request
from harness.io.tls import create_context
from harness.load.workload.text import find_text, put_prompt
from harness.protocols.shared.opaque_text import is_opaque_text
from harness.run.gate_run import GateRun
from harness.run.session import Session

_FIRST_INDEX = 10_000_000
"""The number of the first request of a disturbance: the steady load does not come so far."""


class ServiceTarget:
    """A `harness.core.disturbance.TargetService`: the endpoint of the session, disturbed for `seconds` at most.

    `counts` says what was done. Every request is counted against the ceilings.
    """

    def __init__(self, session: Session, run: GateRun, pool: QueryPool, seconds: float, rate: float) -> None:
        self.seconds, self.rate = seconds, rate
        self.counts: Counter[str] = Counter()
        self._session, self._pool, self._ledger = session, pool, run.ledger
        self._index = _FIRST_INDEX
        endpoint = session.endpoint
        self._tls = create_context(endpoint.tls) if endpoint.is_secure else None

    def encode_request(self, *, words: int = 0) -> tuple[bytes, bytes]:
        """The next request of the pool, or one with a long prompt. Raises `UsageError` and `BudgetExhausted`."""
        session, self._index = self._session, self._index + 1
        self._ledger.before_request()
        turn = self._pool.choose(self._index, streams=session.capabilities.streaming, only_streams=True)
        query = turn.query
        if words:
            text = find_text(query.inputs)
            if text is None or is_opaque_text(text):
                raise UsageError(f"{session.adapter.title} takes no prompt here: a long one cannot be sent")
            prompt = " ".join(f"w{self._index}x{number}" for number in range(words))
            query = replace(query, inputs=put_prompt(query.inputs, prompt))
        headers = (*mark_request("0" * 16, self._index), ("connection", "close"))
        return encode_request(session.endpoint, session.request(query, headers))

    @contextlib.asynccontextmanager
    async def connect(self, *, receive_buffer: int = 0) -> AsyncIterator[PeerConnection]:
        """A connection for the block. Raises `OSError`."""
        endpoint = self._session.endpoint
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(endpoint.deadlines.connect):
                sock = await self._dial(loop, receive_buffer)
                reader, writer = await asyncio.open_connection(
                    sock=sock,
                    ssl=self._tls,
                    server_hostname=endpoint.host if self._tls else None,
                    limit=receive_buffer or 65536,
                )
        except (TimeoutError, ssl.SSLError) as problem:
            raise ConnectionError(str(problem)) from None
        connection = _Connection(reader, writer, sock)
        try:
            yield connection
        except BaseException:
            connection.reset()
            raise
        writer.close()

    async def _dial(self, loop: asyncio.AbstractEventLoop, receive_buffer: int) -> socket.socket:
        endpoint = self._session.endpoint
        family: int = socket.AF_UNIX
        address: Any = endpoint.unix_socket
        if endpoint.unix_socket is None:
            infos = await loop.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
            family, address = infos[0][0], infos[0][4]
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            if receive_buffer:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            await loop.sock_connect(sock, address)
        except BaseException:
            sock.close()
            raise
        return sock

    def count(self, what: str, amount: int = 1) -> None:
        """Add to a count."""
        self.counts[what] += amount


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sock: socket.socket) -> None:
        self._reader, self._writer, self._sock = reader, writer, sock

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def receive(self, most: int = 65536) -> bytes:
        return await self._reader.read(most)

    def reset(self) -> None:
        with contextlib.suppress(OSError):
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()
