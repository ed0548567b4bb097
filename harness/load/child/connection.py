"""One connection of the load engine: its socket, its watchers on gevent's hub, and the exchange that it carries."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gevent.hub import get_hub  # type: ignore[import-untyped]
from gevent.monkey import get_original  # type: ignore[import-untyped]

from harness.core.endpoint import Endpoint
from harness.core.errors import ErrorClass, TransportError
from harness.io.deadline_timer import Phase
from harness.io.error_map import classify_error
from harness.io.framing import Framer
from harness.io.response_reader import Caps, RawExchange

_READ, _WRITE = 1, 2
_RECV = 65536
"""Bytes taken from a socket at once."""


@dataclass(slots=True)
class EngineContext:
    """What all connections of an engine have in common; `now` reads the run's clock in seconds."""

    endpoint: Endpoint
    context: ssl.SSLContext | None
    caps: Caps
    now: Callable[[], float]
    dropped: Callable[[Connection], None]
    addresses: list[tuple[Any, ...]] = field(default_factory=list)


class Connection:
    """One socket, its watchers, and the exchange that it carries, if any."""

    def __init__(self, shared: EngineContext) -> None:
        self._shared = shared
        self._loop = get_hub().loop
        self._addresses = list(shared.addresses)
        self._sock: socket.socket | None = None
        self._reader: Any = None
        self._writer: Any = None
        self._tls: ssl.SSLObject | None = None
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._open = False
        self._unsent = b""
        self._request = b""
        self._raw: RawExchange | None = None
        self._waiter: Any = None
        self._framer = Framer(shared.caps)
        self._last = 0.0
        self.reusable = False
        self.idle_since = 0.0

    def begin(self, wire: bytes, raw: RawExchange, waiter: Any) -> None:
        """Carry an exchange; `waiter` is woken at its end. Raises `OSError` where no socket can be had."""
        self._raw, self._waiter, self._request = raw, waiter, wire
        self._framer = Framer(self._shared.caps)
        self._last, self.reusable = raw.started, False
        if self._open:
            self._guarded(self._send, wire)
        else:
            self._connect()

    def leave(self) -> None:
        """The exchange is over for its greenlet, however it ended."""
        self._raw = self._waiter = None
        self.idle_since = self._shared.now()

    def close(self) -> None:
        """Stop watching and close the socket."""
        for watcher in (self._reader, self._writer):
            if watcher is not None:
                watcher.stop()
                watcher.close()
        self._reader = self._writer = None
        if self._sock is not None:
            self._sock.close()
            self._sock = None
        self._open = False

    def check(self, now: float) -> None:
        """Fail the exchange whose deadline has passed."""
        raw, limits = self._raw, self._shared.endpoint.deadlines
        if raw is None:
            return
        phase = Phase.CONNECT if not self._open else Phase.WAIT if raw.first_byte is None else Phase.BODY
        limit: float = getattr(limits, phase.deadline)
        if now - raw.started > limits.total:
            self.fail(ErrorClass.TOTAL_TIMEOUT, Phase.SEND.overdue.format(limits.total))
        elif now - self._last > limit and not (phase is Phase.WAIT and self._unsent):
            self.fail(phase.error, phase.overdue.format(limit))

    def fail(self, error: ErrorClass, detail: str) -> None:
        """End the exchange as broken."""
        if self._raw is not None and self._raw.error is None:
            self._raw.error, self._raw.detail = error, detail
        self._end()

    def _end(self) -> None:
        waiter, self._waiter, self._raw = self._waiter, None, None
        if not self.reusable:
            self.close()
        if waiter is not None:
            # Not at once: only the hub may wake a greenlet, and this may be called from one.
            self._loop.run_callback(waiter.switch, None)

    def _connect(self) -> None:
        family, kind, proto, _, address = self._addresses.pop(0)
        # A plain socket: gevent's own would watch the descriptor a second time.
        self._sock = sock = get_original("socket", "socket")(family, kind, proto)
        sock.setblocking(False)
        if family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = sock.connect_ex(address)
        if code not in (0, errno.EINPROGRESS):
            self._refused(code)
            return
        self._writer = self._loop.io(sock.fileno(), _WRITE)
        self._writer.start(self._connected)

    def _connected(self) -> None:
        assert self._sock is not None
        self._writer.stop()
        if code := self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._refused(code)
            return
        self._reader = self._loop.io(self._sock.fileno(), _READ)
        self._reader.start(self._guarded, self._read)
        if self._shared.context is None:
            self._ready()
            return
        self._tls = self._shared.context.wrap_bio(
            self._incoming, self._outgoing, server_hostname=self._shared.endpoint.host
        )
        self._guarded(self._handshake)

    def _refused(self, code: int) -> None:
        self.close()
        if self._addresses and self._raw is not None:
            self._guarded(self._connect)
            return
        kind, detail = classify_error(OSError(code, errno.errorcode.get(code, str(code))))
        timed_out = kind is ErrorClass.CONNECT_TIMEOUT
        self.fail(kind if timed_out or kind is ErrorClass.HARNESS else ErrorClass.CONNECT, detail)

    def _handshake(self) -> None:
        assert self._tls is not None
        over = True
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            over = False
        self._write(self._outgoing.read())
        if over:
            self._ready()

    def _ready(self) -> None:
        self._open, self._last = True, self._shared.now()
        self._guarded(self._send, self._request)

    def _send(self, data: bytes) -> None:
        if self._tls is not None:
            self._tls.write(data)
            data = self._outgoing.read()
        self._write(data)

    def _write(self, data: bytes) -> None:
        assert self._sock is not None
        if self._unsent:
            self._unsent += data
            return
        try:
            sent = self._sock.send(data) if data else 0
        except BlockingIOError:
            sent = 0
        except (BrokenPipeError, ConnectionResetError):
            return  # a peer may refuse a long request early, and its answer is still to be read
        if sent < len(data):
            self._unsent = data[sent:]
            if self._writer is None:
                self._writer = self._loop.io(self._sock.fileno(), _WRITE)
            self._writer.start(self._guarded, self._write_on)

    def _write_on(self) -> None:
        self._writer.stop()
        data, self._unsent = self._unsent, b""
        self._last = self._shared.now()
        self._write(data)

    def _guarded(self, step: Callable[..., None], *args: Any) -> None:
        """Take one step, and end the exchange where it breaks."""
        try:
            step(*args)
        except TransportError as problem:
            self.reusable = False
            self.fail(problem.error, str(problem))
        except OSError as problem:
            self.reusable = False
            kind, detail = classify_error(problem)
            if not self._open and kind is ErrorClass.CLOSED:
                kind = ErrorClass.CONNECT if self._tls is None else ErrorClass.TLS
            self.fail(kind, detail)

    def _read(self) -> None:
        assert self._sock is not None
        try:
            data = self._sock.recv(_RECV)
        except BlockingIOError:
            return
        now = self._shared.now()
        if self._raw is None:
            # Nothing was asked: the peer has closed, or sends what nobody wants.
            self._shared.dropped(self)
        elif self._tls is not None:
            self._read_tls(data, now)
        elif data:
            self._take(data, now)
        else:
            self._ended(now)

    def _read_tls(self, data: bytes, now: float) -> None:
        assert self._tls is not None
        self._incoming.write(data) if data else self._incoming.write_eof()
        if not self._open:
            self._handshake()
            if not data and not self._open:
                raise TransportError(ErrorClass.TLS, "the peer ended the TLS handshake")
            return
        while self._raw is not None:
            try:
                plain = self._tls.read(_RECV)
            except ssl.SSLWantReadError:
                return
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                plain = b""
            if not plain:
                self._ended(now)
                return
            self._take(plain, now)

    def _take(self, data: bytes, now: float) -> None:
        raw, framer = self._raw, self._framer
        assert raw is not None
        body = framer.feed(data)
        raw.head, self._last = framer.head, now
        if body:
            raw.pieces.append((now, body))
            if raw.first_byte is None:
                raw.first_byte = now
        if framer.done:
            self._whole(raw, now)

    def _ended(self, now: float) -> None:
        assert self._raw is not None
        self._framer.end()
        self._whole(self._raw, now)

    def _whole(self, raw: RawExchange, now: float) -> None:
        raw.done = now
        if raw.first_byte is None:
            raw.first_byte = now
        self.reusable = self._framer.reusable and not self._unsent
        self._end()
