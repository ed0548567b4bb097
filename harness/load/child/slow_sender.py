"""The slow path: requests that the load engine cannot send go through the ordinary client, in a process beside this."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any

import msgspec
from gevent import socket, spawn, subprocess
from gevent.event import AsyncResult
from gevent.lock import RLock

from harness.core.endpoint import Endpoint
from harness.core.errors import ErrorClass, UsageError
from harness.core.exchange import Request
from harness.core.load import find_slow_path
from harness.io.response_reader import Caps
from harness.load.answer_reader import RawExchange
from harness.load.child.engine import LoadEngine
from harness.load.child.sender import Sender
from harness.load.slow_process import LENGTH, SlowMessage, SlowRequest, SlowStart, encode_frame

_GRACE = 2.0
"""Seconds that the process has to end by itself."""


class SlowSender(Sender):
    """Hands requests to a process that carries them out, and stamps and deadlines are that process's.

    Raises `UsageError` for an endpoint that cannot be used. What the client itself cannot do (a signature that fails,
    the end of its process) is a `problem` and not the service's.
    """

    def __init__(self, endpoint: Endpoint, zero: float, caps: Caps | None = None) -> None:
        super().__init__(zero)
        self.busy: dict[int, Any] = {}
        self._count, self._stalled, self._cpu, self._is_closed = 0, 0.0, 0.0, False
        self._signer = endpoint.signer
        self._lock = RLock()
        self._socket, far = socket.socketpair()
        with far:
            command = [sys.executable, "-m", "harness.load.slow_process"]
            self._process = subprocess.Popen(command, stdin=far.fileno(), stdout=subprocess.DEVNULL)
        self._send(SlowStart(endpoint, self.zero, caps or Caps()))
        first = self._receive()
        if first is None or first.problem:
            self.close()
            raise UsageError((first and first.problem) or "the slow path's process cannot be started")
        self._reading = spawn(self._read_messages)

    def measure_stalls(self) -> float:
        """Seconds since the start for which nothing could be sent or stamped, here or in the process beside this."""
        return max(super().measure_stalls(), self._stalled)

    def measure_cpu(self) -> tuple[float, ...]:
        """Seconds of processor time of this process and of the one beside it."""
        return (*super().measure_cpu(), self._cpu)

    def fetch(self, request: Request, encoded: bytes) -> RawExchange:
        """Have the request sent and park until its answer has come."""
        self._count += 1
        number = self._count
        result: Any = AsyncResult()
        self.busy[number] = result
        try:
            self._send(SlowRequest(number, request))
        except OSError:
            self._break_off()
        raw: RawExchange = result.get()
        if raw.error is ErrorClass.HARNESS and not self._is_closed:
            self.problem = self.problem or raw.detail
        raw.awake = raw.ended - self.measure_stalls()
        return raw

    def close(self) -> None:
        """End the process; exchanges under way end with an error. Further calls do nothing."""
        if self._is_closed:
            return
        super().close()
        self._is_closed = True
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._break_off()
        try:
            self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _send(self, message: Any) -> None:
        with self._lock:  # a long message is sent in parts
            self._socket.sendall(encode_frame(message))

    def _receive(self) -> SlowMessage | None:
        """The next message; None when there will be none."""
        try:
            head = self._read_bytes(LENGTH.size)
            return msgspec.msgpack.decode(self._read_bytes(*LENGTH.unpack(head)), type=SlowMessage)
        except (OSError, EOFError):
            return None

    def _read_bytes(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            piece = self._socket.recv(min(count - len(data), 2**20))
            if not piece:
                raise EOFError
            data += piece
        return bytes(data)

    def _read_messages(self) -> None:
        while (message := self._receive()) is not None:
            self._stalled, self._cpu = message.stalled, message.cpu
            self.stall = max(self.stall, message.stall)
            if (answer := message.answer) is not None and answer.number in self.busy:
                answer.raw.secrets = tuple(answer.secrets)
                self.busy.pop(answer.number).set(answer.raw)
        self._break_off()

    def _break_off(self) -> None:
        """Nothing comes any more: end what is under way."""
        detail = "the load was stopped" if self._is_closed else "the process of the slow path has ended"
        if not self._is_closed:
            self.problem = self.problem or detail
        now = self.now()
        while self.busy:
            _, result = self.busy.popitem()
            result.set(RawExchange(now, error=ErrorClass.HARNESS, detail=detail, ended=now))


def create_sender(endpoint: Endpoint, zero: float, caps: Caps | None = None) -> Sender:
    """The load engine, or what sends in its place where it cannot. Raises `UsageError` as these do."""
    if find_slow_path(endpoint):
        return SlowSender(endpoint, zero, caps)
    return LoadEngine(endpoint, zero, caps)
