"""The load engine: raw sockets read by callbacks on gevent's hub, one parked greenlet a request.

No greenlet is switched to while an answer comes: the hub calls back, the bytes are stamped and kept at once, and the
waiting greenlet wakes when the answer is complete. Nothing of the body is parsed here. Imports gevent: only for the
load child.
"""

from __future__ import annotations

import socket
from collections import deque
from typing import Any

from gevent.hub import Waiter, get_hub

from harness.core.endpoint import Endpoint
from harness.core.errors import ErrorClass
from harness.core.exchange import Request
from harness.io import tls
from harness.io.error_map import classify_error
from harness.io.http import KEEPALIVE
from harness.io.response_reader import Caps
from harness.load.answer_reader import RawExchange
from harness.load.child.connection import Connection, EngineContext
from harness.load.child.portions import Portions
from harness.load.child.sender import Sender
from harness.load.stall_meter import JITTER


class LoadEngine(Sender):
    """Sends requests to one endpoint over kept-alive connections of HTTP/1.1.

    Names are resolved once. Raises `UsageError` for TLS files that cannot be used.
    """

    def __init__(self, endpoint: Endpoint, zero: float, caps: Caps | None = None) -> None:
        super().__init__(zero)
        self.endpoint = endpoint
        tls_context = tls.create_context(endpoint.tls) if endpoint.is_secure else None
        self._portions = Portions(get_hub().loop)
        self._context = EngineContext(
            endpoint, tls_context, caps or Caps(), self.now, self.zero, self._remove_idle, self._portions
        )
        self.busy: set[Connection] = set()
        self._idle: deque[Connection] = deque()

    def fetch(self, request: Request, encoded: bytes) -> RawExchange:
        """Send `encoded` and park until its answer is complete or broken."""
        exchange = RawExchange(self.now())
        stalled = self.measure_stalls()
        waiter: Any = Waiter()
        connection = self._take_idle(exchange.started)
        is_reused = connection is not None
        try:
            if connection is None:
                self._resolve_host()
                connection = Connection(self._context)
            self.busy.add(connection)
            connection.begin(encoded, exchange, waiter)
            waiter.get()
        except OSError as problem:
            exchange.error, exchange.detail = classify_error(problem)
        finally:
            if is_reused:
                self._learn_reuse(exchange)
            if connection is not None:
                self.busy.discard(connection)
                connection.release()
                if exchange.error is None and connection.reusable:
                    self._idle.append(connection)
                else:
                    connection.close()
        exchange.ended, stalled_until_end = self.now(), self.measure_stalls()
        exchange.stalled, exchange.awake = stalled_until_end - stalled, exchange.ended - stalled_until_end
        return exchange

    def close(self) -> None:
        """Close every connection; exchanges under way end with an error."""
        super().close()
        self._portions.close()
        for connection in list(self.busy):
            connection.fail(ErrorClass.HARNESS, "the load was stopped")
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    def _remove_idle(self, connection: Connection) -> None:
        """The peer has closed an idle connection."""
        if connection in self._idle:
            self._idle.remove(connection)
            self.reuse.add_end(self.now() - connection.idle_since)
        connection.close()

    def _take_idle(self, now: float) -> Connection | None:
        """The idle connection used last that the service keeps, unless even that one is too old to trust.

        Of one that the service has ended the hub may not know yet, where it has much to do: each is looked at.
        """
        while self._idle and now - self._idle[0].idle_since >= KEEPALIVE:
            self._idle.popleft().close()
        while self._idle:
            is_newest = self.reuse.may_reuse(now - self._idle[-1].idle_since)
            if not is_newest and not self.reuse.may_reuse(now - self._idle[0].idle_since):
                return None
            connection = self._idle.pop() if is_newest else self._idle.popleft()
            if not connection.has_input():
                return connection
            self.reuse.add_end(now - connection.idle_since)
            connection.close()
        return None

    def _learn_reuse(self, exchange: RawExchange) -> None:
        """Note how a connection fared that had carried an answer before."""
        if exchange.done is not None:
            self.reuse.carried += 1
        elif exchange.error is ErrorClass.CLOSED and exchange.first_byte is None:
            self.reuse.add_end(0.0)

    def _resolve_host(self) -> None:
        if self._context.addresses:
            return
        endpoint = self.endpoint
        if endpoint.unix_socket is not None:
            self._context.addresses = [(socket.AF_UNIX, socket.SOCK_STREAM, 0, "", endpoint.unix_socket)]
        else:
            self._context.addresses = list(socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM))

    def _pass_time(self, now: float, late: float) -> None:
        for connection in list(self.busy):
            if late > JITTER:
                connection.extend_deadlines(late)  # an answer may have come that nobody has read yet
            connection.check_deadlines(now)
        self._portions.choose()
