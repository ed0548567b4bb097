"""The load engine: raw sockets read by callbacks on gevent's hub, one parked greenlet a request.

No greenlet is switched to while an answer comes: the hub calls back, the bytes are stamped at once and kept, and the
waiting greenlet wakes when the answer is whole. Nothing of the body is parsed here. Imports gevent: load children only.
"""

from __future__ import annotations

import socket
import time
from collections import deque
from typing import Any

from gevent.hub import Waiter, get_hub  # type: ignore[import-untyped]

from harness.core.endpoint import Endpoint
from harness.core.errors import ErrorClass, UsageError
from harness.core.load import unloadable
from harness.io import tls
from harness.io.error_map import classify_error
from harness.io.http import KEEPALIVE
from harness.io.response_reader import Caps, RawExchange
from harness.load.child.connection import Connection, EngineContext

_TICK = 0.02
"""Seconds between two looks at the deadlines; how late a look comes is how long the hub stood still."""


class LoadEngine:
    """Sends requests to one endpoint over kept-alive connections, each from the greenlet that calls `fetch`.

    `zero` is the run's start on the system's monotonic clock. Names are resolved once. Raises `UsageError` for what
    this path cannot do (a proxy, signed requests) and for TLS files that cannot be used.
    """

    def __init__(self, endpoint: Endpoint, zero: float, caps: Caps | None = None) -> None:
        if why := unloadable(endpoint):
            raise UsageError(why)
        self.endpoint = endpoint
        context = tls.create_context(endpoint.tls) if endpoint.is_secure else None
        self._shared = EngineContext(endpoint, context, caps or Caps(), self.now, self._dropped)
        self.stall = 0.0
        self.busy: set[Connection] = set()
        self._idle: deque[Connection] = deque()
        self._zero_ns = time.perf_counter_ns() - int((time.monotonic() - zero) * 1e9)
        self._looked = self.now()
        self._tick = get_hub().loop.timer(_TICK, _TICK)
        self._tick.start(self._watch)

    def now(self) -> float:
        """Seconds since the start of the run, read from the performance counter."""
        return (time.perf_counter_ns() - self._zero_ns) * 1e-9

    def fetch(self, wire: bytes) -> RawExchange:
        """Send a request and park until its answer is whole or broken; never raises for the peer, resends nothing."""
        raw = RawExchange(self.now())
        waiter: Any = Waiter()
        connection = self._fresh(raw.started)
        try:
            if connection is None:
                self._resolve()
                connection = Connection(self._shared)
            self.busy.add(connection)
            connection.begin(wire, raw, waiter)
            waiter.get()
        except OSError as problem:
            raw.error, raw.detail = classify_error(problem)
        finally:
            if connection is not None:
                self.busy.discard(connection)
                connection.leave()
                if raw.error is None and connection.reusable:
                    self._idle.append(connection)
                else:
                    connection.close()
        return raw

    def close(self) -> None:
        """Close every connection; what is under way breaks."""
        self._tick.stop()
        self._tick.close()
        for connection in list(self.busy):
            connection.fail(ErrorClass.HARNESS, "the load was stopped")
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    def _dropped(self, connection: Connection) -> None:
        """An idle connection was closed by the peer."""
        if connection in self._idle:
            self._idle.remove(connection)
        connection.close()

    def _fresh(self, now: float) -> Connection | None:
        """The idle connection used last, unless even that is too old to trust."""
        if not self._idle:
            return None
        if now - self._idle[-1].idle_since < KEEPALIVE:
            return self._idle.pop()
        while self._idle:
            self._idle.pop().close()
        return None

    def _resolve(self) -> None:
        if not self._shared.addresses:
            endpoint = self.endpoint
            if endpoint.unix_socket is not None:
                self._shared.addresses = [(socket.AF_UNIX, socket.SOCK_STREAM, 0, "", endpoint.unix_socket)]
                return
            self._shared.addresses = list(socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM))

    def _watch(self) -> None:
        now = self.now()
        self.stall = max(self.stall, now - self._looked - _TICK)
        self._looked = now
        for connection in list(self.busy):
            connection.check(now)
