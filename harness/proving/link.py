"""A link to one endpoint in a thread of this process, through which answers come changed.

It listens on a Unix socket in a private folder, so that requests keep their Host header and nobody else can use it. It
speaks TLS to an https endpoint, with the endpoint's own settings, and plain HTTP to the harness. Calls of gRPC are HTTP
requests inside it (`grpc_bridge.py`). It ends with the process, however that ends. Tested in
tests/commands/test_prove.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import threading
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from harness.chaos.proxy.link import ProxiedConnection
from harness.chaos.proxy.proxy import Proxy, Toxic
from harness.chaos.proxy.record import Journal
from harness.core.endpoint import Endpoint
from harness.core.errors import UsageError
from harness.core.fault import load_fault
from harness.core.mutation import FETCHED_ADDRESS, LOST_NAME, TARGET_CHANGES, Mutation
from harness.io import tls
from harness.proving.address_fetcher import AddressFetcher
from harness.proving.certificate import TARGET_CONTEXTS

if TYPE_CHECKING:
    from harness.proving.grpc_bridge import GrpcBridge

_T = TypeVar("_T")
_SECONDS = 10.0
_LOST_HOST = "aiharness-lost-name.invalid"
"""A name that has no address (RFC 6761, section 6.4)."""


class _Way:
    """How the endpoint itself is reached."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._context = tls.create_context(endpoint.tls) if endpoint.is_secure else None
        if self._context is not None:
            self._context.set_alpn_protocols(["http/1.1"])

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to the endpoint. Raises `OSError`."""
        endpoint, options = self._endpoint, dict[str, Any]()
        if self._context is not None:
            options = {"ssl": self._context, "server_hostname": endpoint.host}
        if endpoint.unix_socket is not None:
            return await asyncio.open_unix_connection(endpoint.unix_socket, **options)
        return await asyncio.open_connection(endpoint.host, endpoint.port, **options)


class _LocalProxy(Proxy):
    """A proxy that listens on a Unix socket and dials another one, behind which the way to the endpoint begins."""

    _listening: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_unix_server(lambda: ProxiedConnection(self).client, self.listen)

    def stop(self) -> None:
        """Stop listening and close every connection."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        super().stop()
        self.reader.close()

    async def connect_upstream(self, make_side: Callable[[], asyncio.Protocol]) -> None:
        """Connect to the way."""
        await asyncio.get_running_loop().create_unix_connection(make_side, self.upstream)


class ProofLink:
    """The link; use it in a `with`. Raises `UsageError` for an endpoint that it cannot stand before."""

    def __init__(self, endpoint: Endpoint) -> None:
        if endpoint.proxy is not None:
            raise UsageError(
                "a proof cannot go through [endpoint] proxy: leave the proxy out, or run without the proof"
            )
        self._endpoint = endpoint
        self._way = _Way(endpoint)
        self._folder = tempfile.TemporaryDirectory(prefix="aiharness-")
        self._loop = asyncio.SelectorEventLoop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="aiharness-proof", daemon=True)
        self._toxic: Toxic | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._targets: list[asyncio.Server] = []
        self._fetcher = AddressFetcher(endpoint.port)
        self._bridge: GrpcBridge | None = None
        self.problem = ""
        """Why the endpoint could not be reached, the last time that this happened."""

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(TimeoutError):
            self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_SECONDS)
        self._loop.close()
        self._folder.cleanup()

    def change_endpoint(self, endpoint: Endpoint, mutation: Mutation | None = None) -> Endpoint:
        """The endpoint as it is asked through the link, or as the mutation of its target has it."""
        if mutation is not None and mutation.fault == LOST_NAME:
            return replace(endpoint, url=endpoint.url.replace(endpoint.host, _LOST_HOST, 1), unix_socket=None)
        if mutation is not None and mutation.fault in TARGET_CHANGES:
            return replace(
                endpoint, unix_socket=self._place(mutation.fault)
            )  # where a target of ours listens, or nothing
        url = endpoint.url.replace("https:", "http:", 1)
        return replace(endpoint, url=url, unix_socket=self._place("link"), http2=False)

    def strike(self, mutation: Mutation) -> None:
        """Let this mutation change what passes, and count what it strikes from 0."""
        self.lift()
        if mutation.changes_target:
            return
        if mutation.fault == FETCHED_ADDRESS:
            self._fetcher.start()
            return
        kind = load_fault(mutation.fault)
        parameters = kind.parse(dict(mutation.attributes))

        async def add() -> None:
            self._toxic = Toxic(self._proxy, kind, mutation.fault, kind.streams[-1], 1.0, parameters)
            self._proxy.add(self._toxic)

        self._run(add())

    def lift(self) -> None:
        """Let everything pass as it is."""

        self._fetcher.stop()

        async def remove() -> None:
            if self._toxic is not None:
                self._proxy.remove(self._toxic)
                self._toxic = None

        self._run(remove())

    def count_struck(self) -> int:
        """How many requests, or connections, the mutation has struck."""
        return self._fetcher.fetched if self._toxic is None else int(self._toxic.counts.to_row()["affected"])

    def _place(self, name: str) -> str:
        return str(Path(self._folder.name) / name)

    def _run(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_SECONDS)

    async def _open(self) -> None:
        near, far = self._place("link"), self._place("way")
        if self._endpoint.is_grpc:
            from harness.proving.grpc_bridge import GrpcBridge

            near = self._place("calls")
            self._bridge = GrpcBridge(self._endpoint, self._place("link"), near, far)
            await self._bridge.open()
        else:
            self._server = await asyncio.start_unix_server(self._serve, far)
        self._proxy = _LocalProxy("proof", near, far, Journal(0), False)
        await self._proxy.start()
        if self._endpoint.is_secure:
            for fault, create_context in TARGET_CONTEXTS.items():
                server = await asyncio.start_unix_server(_end, self._place(fault), ssl=create_context())
                self._targets.append(server)

    async def _close(self) -> None:
        self._proxy.stop()
        if self._bridge is not None:
            await self._bridge.close()
        for server in (self._server, *self._targets):
            if server is not None:
                server.close()
        self._fetcher.stop()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of the proxy, carried to the endpoint."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            far_reader, far_writer = await self._way.connect()
        except OSError as error:
            self.problem = str(error)
            writer.transport.abort()
            return
        try:
            ways = (_carry(reader, far_writer, self._fetcher.look), _carry(far_reader, writer))
            await asyncio.wait([asyncio.ensure_future(way) for way in ways], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for stream in (far_writer, writer):
                with contextlib.suppress(OSError, RuntimeError):
                    stream.close()


async def _carry(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, look: Callable[[bytes], None] | None = None
) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            if look is not None:
                look(data)
            writer.write(data)
            await writer.drain()


async def _end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()
