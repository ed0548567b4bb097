"""One connection through the proxy: two one-way links, each a chain of toxics' stages or, without any, a plain copy."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import socket
import struct
import termios
from collections.abc import Sequence
from math import inf
from typing import Protocol

from harness.faults._kind import Close, Piece, Stage

_DIAL_S = 10.0
_SENT_S = 0.01


class Maker(Protocol):
    """A toxic, which makes a stage for each connection that it strikes."""

    def stage(self, number: int, now: float, fresh: bool) -> Stage | None:
        """For one connection, or None."""


class Owner(Protocol):
    """The proxy of a connection: its upstream, its toxics of each stream in order, and its book of connections."""

    def target(self) -> tuple[str, int]:
        """Host and port to dial."""

    def chain(self, stream: str) -> Sequence[Maker]:
        """The toxics of a stream."""

    def entered(self, connection: Connection) -> int:
        """Count one; its number."""

    def left(self, connection: Connection) -> None:
        """One has ended."""


class Side(asyncio.Protocol):
    """A socket of the connection: what it reads goes into `link`, what `back` carries is written to it."""

    transport: asyncio.Transport | None = None

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.link: _Link
        self.back: _Link

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The client's side stands first and waits for the server's."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.connection.stands(self)

    def data_received(self, data: bytes) -> None:
        """The fast path: straight into the other socket."""
        link = self.link
        link.bytes += len(data)
        if link.watchers:
            for stage in link.watchers:
                stage.observe(data)
        if link.busy:
            link.push(data)
        elif (peer := link.target.transport) is not None:
            peer.write(data)

    def eof_received(self) -> bool:
        """The end travels behind the data; the socket stays open for what the other link still carries."""
        self.link.push(Close.FIN)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing can be written here any more; what was read before is still delivered."""
        self.transport = None
        self.back.stop()
        self.link.push(Close.FIN)
        self.connection.lost()

    def pause_writing(self) -> None:
        """The receiver is slower than the sender."""
        self.back.full = True
        self.back.balance()

    def resume_writing(self) -> None:
        """The receiver has caught up."""
        self.back.full = False
        self.back.balance()

    def cork(self) -> None:
        """Let the last data and the end leave together: a pooled client must not reuse the connection in between."""
        if self.transport is not None and hasattr(socket, "TCP_CORK"):
            self.transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)

    def reset(self) -> None:
        """Close hard: the peer sees a reset."""
        if self.transport is not None:
            linger = struct.pack("ii", 1, 0)
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.transport.abort()

    def unsent(self) -> int:
        """Bytes written that the peer has not yet acknowledged, as far as the system tells."""
        if self.transport is None:
            return 0
        waiting = bytearray(4)
        with contextlib.suppress(OSError):
            fcntl.ioctl(self.transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, waiting)
        return self.transport.get_write_buffer_size() + int(struct.unpack("i", waiting)[0])


class _Link:
    """One direction. `stages` mirrors the proxy's toxics of this stream; None where the draw spared the connection."""

    def __init__(self, connection: Connection, stream: str, source: Side, target: Side) -> None:
        self.connection, self.stream = connection, stream
        self.source, self.target = source, target
        self.stages: list[Stage | None] = []
        self.watchers: tuple[Stage, ...] = ()
        self.busy = self.full = self._paused = self._ended = self._over = False
        self.bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        source.link, target.back = self, self

    def push(self, data: bytes | Close) -> None:
        """Into the chain; an end only once."""
        if self._ended:
            return
        self._ended = isinstance(data, Close)
        now = self._loop.time()
        self._run([(data, now)], 0, now)
        self._arm()

    def change(self, place: int, toxic: Maker | None, *, insert: bool = False) -> None:
        """Put a toxic's stage at a place of the chain, in place of the one there or before it; None takes it out."""
        now = self._loop.time()
        old = None if insert else self.stages.pop(place)
        fresh = not (self.connection.client.link.bytes or self.connection.server.link.bytes)
        if toxic is not None:
            self.stages.insert(place, toxic.stage(self.connection.number, now, fresh))
        self.busy = any(self.stages)
        for link in (self.connection.client.link, self.connection.server.link):
            if link is not self:
                watching = (stage for stage in self.stages if stage and type(stage).observe is not Stage.observe)
                link.watchers = tuple(watching)
        if old is not None:
            self._run(old.release(), place, now)
            if toxic is None and old.closes:
                self._write(Close.FIN)
        self._arm()

    def stop(self) -> None:
        """The target is gone: nothing more can be delivered."""
        self._over = self._ended = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def balance(self) -> None:
        """Pause the source while the target or a stage is full."""
        full = self.full or (self.busy and any(stage.held > stage.limit for stage in self.stages if stage))
        source = self.source.transport
        if full != self._paused and source is not None and not source.is_closing():
            self._paused = full
            (source.pause_reading if full else source.resume_reading)()

    def _run(self, pieces: Sequence[Piece], place: int, now: float) -> None:
        for stage in self.stages[place:] if self.busy else ():
            if stage is not None and pieces:
                pieces = [out for data, at in pieces for out in stage.push(data, at, now)]
        if len(pieces) > 1 and pieces[-1][0] is Close.FIN:
            self.target.cork()
        for data, _ in pieces:
            self._write(data)

    def _arm(self) -> None:
        due = min((stage.due for stage in self.stages if stage), default=inf) if self.busy and not self._over else inf
        if self._timer is not None and self._timer.when() != due:
            self._timer.cancel()
            self._timer = None
        if self._timer is None and due < inf:
            self._timer = self._loop.call_at(due, self._tick, due)
        self.balance()

    def _tick(self, due: float) -> None:
        self._timer = None
        now = max(due, self._loop.time())
        for place, stage in enumerate(self.stages):
            if stage is not None and stage.due <= now:
                self._run(stage.tick(now), place + 1, now)
        self._arm()

    def _write(self, data: bytes | Close) -> None:
        transport = self.target.transport
        if self._over:
            return
        if not isinstance(data, Close):
            if transport is not None:
                transport.write(data)
        elif data is Close.RST:
            self.stop()
            self._reset(100)
        else:
            self.stop()
            if transport is not None and not transport.is_closing():
                transport.write_eof()
                transport.close()  # after what was written; losing it ends the other link

    def _reset(self, tries: int) -> None:
        """A reset throws away what the system has not sent: let that go first, for a second at most."""
        if tries and self.target.unsent():
            self._loop.call_later(_SENT_S, self._reset, tries - 1)
        else:
            self.target.reset()
            self.source.reset()


class Connection:
    """A client's connection, its number at its proxy (from 1), and the proxy's own to the upstream."""

    def __init__(self, proxy: Owner) -> None:
        self.proxy = proxy
        self.number = 0
        self.stood = False
        self.client, self.server = Side(self), Side(self)
        _Link(self, "upstream", self.client, self.server)
        _Link(self, "downstream", self.server, self.client)
        self._dial: asyncio.Task[None] | None = None

    @property
    def links(self) -> tuple[_Link, _Link]:
        """Both directions."""
        return self.client.link, self.server.link

    def stands(self, side: Side) -> None:
        """A socket is open. The client's waits, unread, while the upstream is dialled."""
        transport = side.transport
        if side is self.client and transport is not None:
            transport.pause_reading()
            self.number = self.proxy.entered(self)
            self._dial = asyncio.get_running_loop().create_task(self._connect())
        elif self.client.transport is not None:
            self.stood = True
            for link in self.links:
                for place, toxic in enumerate(self.proxy.chain(link.stream)):
                    link.change(place, toxic, insert=True)
            self.client.transport.resume_reading()
        elif transport is not None:
            transport.close()

    def lost(self) -> None:
        """A socket is gone; when both are, the connection is."""
        if self.client.transport is None and self._dial is not None:
            self._dial.cancel()
        if self.client.transport is None and self.server.transport is None:
            self.proxy.left(self)

    def close(self) -> None:
        """Close both sockets now."""
        for side in (self.client, self.server):
            side.back.stop()
            if side.transport is not None:
                side.transport.abort()

    async def _connect(self) -> None:
        try:
            async with asyncio.timeout(_DIAL_S):
                host, port = self.proxy.target()
                await asyncio.get_running_loop().create_connection(lambda: self.server, host, port)
        except (OSError, ValueError, UnicodeError):
            if self.client.transport is not None:
                self.client.transport.close()
        finally:
            self._dial = None
