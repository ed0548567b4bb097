"""One connection of the load engine: its socket, its watchers on gevent's hub, and the exchange that it carries."""

from __future__ import annotations

import errno
import select
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from gevent.hub import get_hub
from gevent.monkey import get_original

from harness.core.endpoint import Endpoint
from harness.core.errors import ErrorClass, TransportError
from harness.io.arrival_stamps import NOTE_BYTES, ask_for_stamps, measure_lateness
from harness.io.deadline_timer import Phase
from harness.io.error_map import classify_error
from harness.io.framing import Framer
from harness.io.response_reader import Caps
from harness.load.answer_reader import RawExchange
from harness.load.child.portions import Portions

_READ, _WRITE = 1, 2
_RECV = 65536
"""Bytes taken from a socket at once."""
_NEXT_ADDRESS = 0.25
"""Seconds after which the host's next address is tried beside one that is silent (RFC 8305)."""

_CR, _MOST_UNFRAMED = 13, 2**20
"""A carriage return; and the bytes of a connection that may wait to be framed."""


@dataclass(slots=True)
class EngineContext:
    """What all connections of an engine share. `now` reads the run's clock in seconds, and `zero` is its zero on
    the performance counter; `on_idle_close` is called with an idle connection that the peer has closed. `portions`
    are told what comes.
    """

    endpoint: Endpoint
    tls: ssl.SSLContext | None
    caps: Caps
    now: Callable[[], float]
    zero: float
    on_idle_close: Callable[[Connection], None]
    portions: Portions
    addresses: list[tuple[Any, ...]] = field(default_factory=list)


class Connection:
    """One socket, its watchers, and the exchange that it carries, if any."""

    def __init__(self, context: EngineContext) -> None:
        self._context = context
        self._loop = get_hub().loop
        self._addresses = list(context.addresses)
        self._attempts: dict[socket.socket, tuple[Any, tuple[Any, ...]]] = {}
        self._attempt_began = 0.0
        self._sock: socket.socket | None = None
        self._reader: Any = None
        self._writer: Any = None
        self._input: Any = None
        self._tls: ssl.SSLObject | None = None
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._is_open = False
        self._unsent = b""
        self._request = b""
        self._exchange: RawExchange | None = None
        self._waiter: Any = None
        self._framer = Framer(context.caps)
        self._is_chunked, self._zero, self._portions = False, context.zero, context.portions
        self._unframed: list[tuple[float, bytes]] = []
        self._unframed_bytes = 0
        self._last_arrival, self._last_progress, self._extension = 0.0, 0.0, 0.0
        self.reusable = False
        self.idle_since = 0.0

    def begin(self, request: bytes, exchange: RawExchange, waiter: Any) -> None:
        """Carry an exchange and wake `waiter` at its end. Raises `OSError` if no socket can be opened."""
        self._exchange, self._waiter, self._request = exchange, waiter, request
        self._framer, self._is_chunked = Framer(self._context.caps), False
        self._unframed, self._unframed_bytes = [], 0
        self._last_arrival = self._last_progress = exchange.started
        self._extension, self.reusable = 0.0, False
        if self._is_open:
            self._run_step(self._send, request)
        else:
            self._connect()

    def has_input(self) -> bool:
        """Whether something can be read: on an idle connection that is its end, or what nobody asked for."""
        return bool(self._input.poll(0))

    def release(self) -> None:
        """The exchange has ended, in success or error, and its greenlet has it: the connection is idle from now on."""
        self._exchange = self._waiter = None
        self.idle_since = self._context.now()

    def close(self) -> None:
        """Stop watching and close the socket."""
        self._abandon_attempts()
        for watcher in (self._reader, self._writer):
            if watcher is not None:
                watcher.stop()
                watcher.close()
        self._reader = self._writer = None
        if self._sock is not None:
            self._sock.close()
            self._sock = None
        self._is_open = False

    def extend_deadlines(self, seconds: float) -> None:
        """Give the exchange the time back for which the hub stood still: the peer has not wasted it."""
        self._last_progress += seconds
        self._extension += seconds

    def check_deadlines(self, now: float) -> None:
        """Fail the exchange if one of its deadlines has passed."""
        exchange, deadlines = self._exchange, self._context.endpoint.deadlines
        if exchange is None:
            return
        phase = Phase.BODY
        if not self._is_open:
            phase = Phase.CONNECT
            if self._attempts and self._addresses and now - self._attempt_began > _NEXT_ADDRESS:
                self._run_step(self._connect)
        elif exchange.first_byte is None:
            phase = Phase.WAIT
        limit: float = getattr(deadlines, phase.deadline)
        if now - exchange.started - self._extension > deadlines.total:
            self.fail(ErrorClass.TOTAL_TIMEOUT, Phase.SEND.message.format(deadlines.total))
        elif now - self._last_progress > limit and not (phase is Phase.WAIT and self._unsent):
            self.fail(phase.error, phase.message.format(limit))

    def fail(self, error: ErrorClass, detail: str) -> None:
        """End the exchange with an error."""
        if self._exchange is not None and self._exchange.error is None:
            self._exchange.error, self._exchange.detail = error, detail
            with suppress(TransportError):  # the error that came first is the exchange's
                self._frame()
        self._end()

    def _end(self) -> None:
        waiter, self._waiter, self._exchange = self._waiter, None, None
        if not self.reusable:
            self.close()
        if waiter is not None:
            # Not at once: only the hub may wake a greenlet, and this may be called from one.
            self._loop.run_callback(waiter.switch, None)

    def _connect(self) -> None:
        entry = self._addresses.pop(0)
        family, kind, proto, _, address = entry
        try:
            # A plain socket: gevent's own would watch the descriptor a second time.
            sock = get_original("socket", "socket")(family, kind, proto)
        except OSError:  # this machine may lack the family of one address
            if self._addresses:
                self._connect()
            elif not self._attempts:
                raise
            return
        sock.setblocking(False)
        if family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            ask_for_stamps(sock)
        code = sock.connect_ex(address)
        if code not in (0, errno.EINPROGRESS):
            sock.close()
            self._try_next_address(code)
            return
        watcher = self._loop.io(sock.fileno(), _WRITE)
        self._attempts[sock] = watcher, entry
        self._attempt_began = self._context.now()
        watcher.start(self._finish_connect, sock)

    def _finish_connect(self, sock: socket.socket) -> None:
        watcher, entry = self._attempts.pop(sock)
        watcher.stop()
        if code := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            watcher.close()
            sock.close()
            self._try_next_address(code)
            return
        self._abandon_attempts()
        self._sock, self._writer = sock, watcher
        # The next connection begins with the address that answered: a dead one costs its time once.
        self._context.addresses.sort(key=lambda other: other != entry)
        self._reader = self._loop.io(self._sock.fileno(), _READ)
        self._reader.start(self._read)
        self._input = get_original("select", "poll")()
        self._input.register(self._sock.fileno(), select.POLLIN)
        if self._context.tls is None:
            self._start_sending()
            return
        self._tls = self._context.tls.wrap_bio(
            self._incoming, self._outgoing, server_hostname=self._context.endpoint.host
        )
        self._run_step(self._handshake)

    def _try_next_address(self, code: int) -> None:
        """A connect has failed with this `errno` code: go on with the host's next address, or fail the exchange."""
        if self._addresses and self._exchange is not None:
            self._run_step(self._connect)
            return
        if self._attempts:
            return  # another address may still answer
        error, detail = classify_error(OSError(code, errno.errorcode.get(code, str(code))))
        if error not in (ErrorClass.CONNECT_TIMEOUT, ErrorClass.HARNESS):
            error = ErrorClass.CONNECT
        self.fail(error, detail)

    def _abandon_attempts(self) -> None:
        for sock, (watcher, _) in self._attempts.items():
            watcher.stop()
            watcher.close()
            sock.close()
        self._attempts.clear()

    def _handshake(self) -> None:
        assert self._tls is not None
        complete = True
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            complete = False
        self._write(self._outgoing.read())
        if complete:
            self._start_sending()

    def _start_sending(self) -> None:
        self._is_open, self._last_progress = True, self._context.now()
        self._run_step(self._send, self._request)

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
            count = self._sock.send(data) if data else 0
        except BlockingIOError:
            count = 0
        except (BrokenPipeError, ConnectionResetError):
            return  # a peer may refuse a long request early, and its answer is still to be read
        if count < len(data):
            self._unsent = data[count:]
            if self._writer is None:
                self._writer = self._loop.io(self._sock.fileno(), _WRITE)
            self._writer.start(self._run_step, self._write_rest)

    def _write_rest(self) -> None:
        self._writer.stop()
        data, self._unsent = self._unsent, b""
        self._last_progress = self._context.now()
        self._write(data)

    def _run_step(self, step: Callable[..., None], *args: Any) -> None:
        """Run one step of the exchange; an exception ends the exchange with its error class."""
        try:
            step(*args)
        except TransportError as problem:
            self.reusable = False
            self.fail(problem.error, str(problem))
        except OSError as problem:
            self._end_with(problem)

    def _end_with(self, problem: OSError) -> None:
        """The socket is broken: the exchange ends with the error class of this problem."""
        self.reusable = False
        error, detail = classify_error(problem)
        if not self._is_open and error is ErrorClass.CLOSED:
            error = ErrorClass.CONNECT if self._tls is None else ErrorClass.TLS
        self.fail(error, detail)

    def _read(self) -> None:
        """Keep what came, with the time of its arrival, however late it is read.

        Chunks are framed all at once, when the last of them may have come.
        """
        assert self._sock is not None
        try:
            data, notes, _, _ = self._sock.recvmsg(_RECV, NOTE_BYTES)
        except BlockingIOError:
            return
        except OSError as problem:
            self._end_with(problem)
            return
        now = perf_counter() - self._zero
        if notes:
            self._portions.stamped += 1
            arrived = now - measure_lateness(notes)
            if arrived > self._last_arrival:  # an earlier stamp is of a clock that was set
                now = arrived
        self._last_arrival = now
        if self._is_chunked and b"\r\n\r\n" not in data and len(data) > 4 and data[0] > _CR:
            self._unframed.append((now, data))
            self._unframed_bytes += len(data)
            self._last_progress = now
            if self._unframed_bytes < _MOST_UNFRAMED:
                return
            self._run_step(self._frame)
            return
        self._run_step(self._take, data, now)

    def _take(self, data: bytes, now: float) -> None:
        if self._exchange is None:
            # No request is under way: the peer has closed, or sends what nobody asked for.
            self._context.on_idle_close(self)
        elif self._tls is not None:
            self._read_tls(data, now)
        elif data:
            self._read_plain(data, now)
        else:
            self._read_end(now)

    def _read_tls(self, data: bytes, now: float) -> None:
        assert self._tls is not None
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
        if not self._is_open:
            self._handshake()
            if not data and not self._is_open:
                raise TransportError(ErrorClass.TLS, "the peer ended the TLS handshake")
            return
        while self._exchange is not None:
            try:
                plain = self._tls.read(_RECV)
            except ssl.SSLWantReadError:
                return
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                plain = b""
            if not plain:
                self._read_end(now)
                return
            self._read_plain(plain, now)

    def _read_plain(self, data: bytes, now: float) -> None:
        self._last_progress = now
        self._unframed.append((now, data))
        self._frame()
        if self._framer.done:
            self._complete(now)

    def _read_end(self, now: float) -> None:
        self._frame()
        self._framer.end()
        self._complete(now)

    def _frame(self) -> None:
        """Find the body in what was read since the last call."""
        exchange, framer = self._exchange, self._framer
        assert exchange is not None
        unframed, self._unframed, self._unframed_bytes = self._unframed, [], 0
        framer.feed_pieces(unframed, exchange.pieces)
        exchange.head = framer.head
        if exchange.pieces:
            exchange.first_byte = exchange.pieces[0][0]
            self._is_chunked = framer.is_chunked and self._tls is None

    def _complete(self, now: float) -> None:
        exchange = self._exchange
        assert exchange is not None
        exchange.done = now
        self._portions.answers += 1
        if exchange.first_byte is None:
            exchange.first_byte = now
        self.reusable = self._framer.reusable and not self._unsent
        waiter = self._waiter
        self._waiter = None
        self._end()
        waiter.switch(None)  # at once: answers are read by callbacks of the hub, which may wake a greenlet
