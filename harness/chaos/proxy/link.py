"""One connection through the proxy: two one-way links, each a chain of stages or, without any, a plain copy."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import socket
import struct
import termios
from collections.abc import Callable, Sequence
from math import inf
from time import monotonic
from typing import Any, Protocol

from harness.chaos.proxy.alarm import AlarmClock
from harness.chaos.proxy.marks import MarkScanner
from harness.chaos.proxy.reading import SocketReader
from harness.chaos.proxy.record import TrafficKey
from harness.core.fault_stage import Close, Stage, StreamChunk

_DIAL_SECONDS = 10.0
_UNSENT_SECONDS, _UNSENT_LOOKS = 0.01, 100
"""Before a reset: seconds between two looks whether the system has sent everything, and looks at most."""


class _StageMaker(Protocol):
    """A toxic, which makes a stage for each connection that it strikes."""

    def make_stage(self, number: int, now: float, is_fresh: bool) -> Stage[Any] | None:
        """The stage for the connection of this number, or None."""


class _Owner(Protocol):
    """The proxy of a connection: its upstream, its toxics of each stream in order, and its open connections."""

    clock: AlarmClock
    reader: SocketReader
    name: str
    listen: str
    upstream: str

    async def connect_upstream(self, make_side: Callable[[], asyncio.Protocol]) -> None:
        """Connect the proxy's own side of a connection. Raises `OSError`, `ValueError` or `UnicodeError`."""

    def find_chain(self, stream: str) -> Sequence[_StageMaker]:
        """The toxics of a stream."""

    def add_connection(self, connection: ProxiedConnection) -> int:
        """Count a connection; returns its number."""

    def remove_connection(self, connection: ProxiedConnection) -> None:
        """A connection has ended."""


class _Side(asyncio.Protocol):
    """A socket of the connection: data that it reads goes into `link`, data that `back` carries is written to it."""

    transport: asyncio.Transport | None = None

    def __init__(self, connection: ProxiedConnection) -> None:
        self.connection = connection
        self._number = -1
        self.link: _Link
        self.back: _Link

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The client's side is connected first and waits for the server's."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._number = transport.get_extra_info("socket").fileno()
        transport.pause_reading()
        self.connection.begin(self)

    def data_received(self, data: bytes) -> None:
        """The fast path: straight into the other socket."""
        link = self.link
        link.bytes += len(data)
        if link.scanner is not None:
            link.scanner.observe(data)
        if link.watchers:
            for stage in link.watchers:
                stage.observe(data)
        if link.has_stages:
            link.push(data)
        elif (peer := link.target.transport) is not None:
            peer.write(data)

    def eof_received(self) -> bool:
        """The end travels behind the data; the socket stays open for what the other link still carries."""
        self.link.push(Close.FIN)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing can be written here any more; data that was read before is still delivered."""
        self.pause_reading()
        self.transport = None
        self.back.stop()
        self.link.push(Close.FIN)
        self.connection.end_side()

    def resume_reading(self) -> None:
        """Read what the peer sends."""
        if self.transport is not None:
            self.connection.proxy.reader.watch(self._number, self)

    def pause_reading(self) -> None:
        """Let the peer wait."""
        self.connection.proxy.reader.forget(self._number, self)

    def pause_writing(self) -> None:
        """The receiver is slower than the sender."""
        self.back.is_full = True
        self.back.balance()

    def resume_writing(self) -> None:
        """The receiver has caught up."""
        self.back.is_full = False
        self.back.balance()

    def cork(self) -> None:
        """Let the last data and the end leave together: a pooled client must not reuse the connection in between."""
        if self.transport is not None and hasattr(socket, "TCP_CORK"):
            with contextlib.suppress(OSError):  # a Unix socket
                self.transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)

    def reset(self) -> None:
        """Close hard: the peer sees a reset."""
        if self.transport is not None:
            linger = struct.pack("ii", 1, 0)
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.transport.abort()

    def count_unsent(self) -> int:
        """Bytes written that the peer has not yet acknowledged, as far as the system knows."""
        if self.transport is None:
            return 0
        waiting = bytearray(4)
        with contextlib.suppress(OSError):
            fcntl.ioctl(self.transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, waiting)
        return self.transport.get_write_buffer_size() + int(struct.unpack("i", waiting)[0])


class _Link:
    """One direction. `stages` has an entry for each toxic of this stream; None: the draw left this connection alone."""

    def __init__(self, connection: ProxiedConnection, stream: str, source: _Side, target: _Side) -> None:
        self.connection, self.stream = connection, stream
        self.source, self.target = source, target
        self.stages: list[Stage[Any] | None] = []
        self._active: tuple[Stage[Any], ...] = ()
        self.watchers: tuple[Stage[Any], ...] = ()
        self.scanner: MarkScanner | None = None
        self.has_stages = self.is_full = False
        self._is_paused = self._has_ended = self._is_over = False
        self.bytes = self._pushed = self._written = 0
        self.due = self.alarm = inf
        self._clock = connection.proxy.clock
        source.link, target.back = self, self

    def push(self, data: bytes | Close) -> None:
        """Put data, or the end of the stream, into the chain; nothing follows the end."""
        if self._has_ended:
            return
        if isinstance(data, Close):
            self._has_ended = True
        else:
            self._pushed += len(data)
        now = monotonic()
        stages = self._active
        if len(stages) != 1:
            self._run_stages(stages, [(data, now)], now)
        elif chunks := stages[0].push(data, now, now):  # the usual case, with a call less
            self._run_stages((), chunks, now)
        self._find_due()

    def change(self, place: int, toxic: _StageMaker | None, *, insert: bool = False) -> None:
        """Put a toxic's stage at a place of the chain: before the stage there or instead of it. None removes it."""
        now = monotonic()
        old = None if insert else self.stages.pop(place)
        is_fresh = not self.connection.count_bytes()
        if toxic is not None:
            new = toxic.make_stage(self.connection.number, now, is_fresh)
            if new is not None and old is not None:
                new.inherit(old)
            self.stages.insert(place, new)
        self._active = tuple(stage for stage in self.stages if stage)
        self.has_stages = bool(self._active)
        for link in self.connection.links:
            if link is not self:
                watchers = (stage for stage in self._active if type(stage).observe is not Stage.observe)
                link.watchers = tuple(watchers)
        if old is not None:
            later = tuple(stage for stage in self.stages[place:] if stage)
            self._run_stages(later, old.release(), now)
            if toxic is None and old.swallows_data:
                self._write(Close.FIN)
        self._find_due()

    @property
    def bytes_out(self) -> int:
        """Bytes that went out: those that no stage saw, and those that the stages let pass."""
        return self.bytes - self._pushed + self._written

    def stop(self) -> None:
        """The target is gone: nothing more can be delivered."""
        self._is_over = self._has_ended = True
        self._clock.drop_alarm(self)

    def balance(self) -> None:
        """Pause the source while the target or a stage is full."""
        is_full = self.is_full
        for stage in self._active:
            is_full |= stage.buffered > stage.buffer_limit
        source = self.source.transport
        if is_full is self._is_paused or source is None or source.is_closing():
            return
        self._is_paused = is_full
        if is_full:
            self.source.pause_reading()
        elif not self._has_ended:
            self.source.resume_reading()

    def tick(self, now: float) -> None:
        """The alarm rings: a stage has something to do."""
        stages = self._active
        for place, stage in enumerate(stages):
            if stage.due <= now:
                self._run_stages(stages[place + 1 :], stage.tick(now), now)
        self._find_due()

    def _run_stages(self, stages: Sequence[Stage[Any]], chunks: Sequence[StreamChunk], now: float) -> None:
        for stage in stages:
            if not chunks:
                return
            if len(chunks) == 1:
                chunks = stage.push(*chunks[0], now)
            else:
                chunks = [out for data, arrived in chunks for out in stage.push(data, arrived, now)]
        if len(chunks) > 1 and chunks[-1][0] is Close.FIN:
            self.target.cork()
        for data, _ in chunks:
            self._write(data)

    def _find_due(self) -> None:
        """Set the alarm for the first stage that has something to do, and pause the source while one is full."""
        due, is_full = inf, self._is_paused
        if not self._is_over:
            for stage in self._active:
                if stage.due < due:
                    due = stage.due
                is_full |= stage.buffered > stage.buffer_limit
        self.due = due
        if due < self.alarm:
            self._clock.set_alarm(self)
        if is_full:
            self.balance()

    def _write(self, data: bytes | Close) -> None:
        transport = self.target.transport
        if self._is_over:
            return
        if not isinstance(data, Close):
            if transport is not None:
                self._written += len(data)
                transport.write(data)
        elif data is Close.RST:
            self.stop()
            self._reset(_UNSENT_LOOKS)
        else:
            self.stop()
            if transport is not None and not transport.is_closing():
                with contextlib.suppress(OSError):  # it was reset in the same moment
                    transport.write_eof()
                transport.close()  # after the data that was written; its loss ends the other link

    def _reset(self, looks: int) -> None:
        """A reset discards data that the system has not sent: let that leave first, for a second at most."""
        if looks and self.target.count_unsent():
            asyncio.get_running_loop().call_later(_UNSENT_SECONDS, self._reset, looks - 1)
        else:
            self.target.reset()
            self.source.reset()


class ProxiedConnection:
    """A client's connection, its number at its proxy (from 1), and the proxy's own connection to the upstream."""

    def __init__(self, proxy: _Owner) -> None:
        self.proxy = proxy
        self.number = 0
        self.address = proxy.name, proxy.listen, proxy.upstream
        self.is_connected = False
        self.client, self.server = _Side(self), _Side(self)
        _Link(self, "upstream", self.client, self.server)
        _Link(self, "downstream", self.server, self.client)
        self._connecting: asyncio.Task[None] | None = None

    @property
    def links(self) -> tuple[_Link, _Link]:
        """Both directions."""
        return self.client.link, self.server.link

    def count_bytes(self) -> int:
        """Bytes that came in, of both directions."""
        return self.client.link.bytes + self.server.link.bytes

    def list_traffic(self) -> list[tuple[TrafficKey, int, int]]:
        """Each direction with the bytes that came in and that went out."""
        name, listen, upstream = self.address
        return [(TrafficKey(link.stream, listen, name, upstream), link.bytes, link.bytes_out) for link in self.links]

    def begin(self, side: _Side) -> None:
        """A socket is open. Nothing is read from the client until the upstream is connected."""
        transport = side.transport
        if side is self.client and transport is not None:
            self.number = self.proxy.add_connection(self)
            self._connecting = asyncio.get_running_loop().create_task(self._connect())
        elif self.client.transport is not None:
            self.is_connected = True
            for link in self.links:
                for place, toxic in enumerate(self.proxy.find_chain(link.stream)):
                    link.change(place, toxic, insert=True)
            self.client.resume_reading()
            self.server.resume_reading()
        elif transport is not None:
            transport.close()

    def end_side(self) -> None:
        """A socket is gone; when both are, the connection has ended."""
        if self.client.transport is None and self._connecting is not None:
            self._connecting.cancel()
        if self.client.transport is None and self.server.transport is None:
            self.proxy.remove_connection(self)

    def close(self) -> None:
        """Close both sockets now."""
        for side in (self.client, self.server):
            side.back.stop()
            if side.transport is not None:
                side.transport.abort()

    async def _connect(self) -> None:
        try:
            async with asyncio.timeout(_DIAL_SECONDS):
                await self.proxy.connect_upstream(lambda: self.server)
        except (OSError, ValueError, UnicodeError):
            if self.client.transport is not None:
                self.client.transport.close()
        finally:
            self._connecting = None
