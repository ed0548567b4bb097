"""`python -m harness.load.slow_process`: the slow path of a load, the ordinary client in a process of its own.

gevent patches the process that runs locust, and neither an event loop nor gRPC would survive it. Standard input is a
socket to that process: a `SlowStart` comes first, then a `SlowRequest` for each request; a `SlowMessage` goes back at
the start, for each answer and four times a second. Each is msgpack behind its length. The end of the input ends it.

Tested in tests/load/test_slow_path.py.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import struct
import sys
import time
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from harness.core.endpoint import Endpoint, Signer
from harness.core.errors import UsageError
from harness.core.exchange import Exchange, Request, Response, StreamEvent
from harness.io.client import create_transport
from harness.io.clock import Clock, Monotonic
from harness.io.response_reader import Caps
from harness.load.answer_reader import RawExchange
from harness.load.stall_meter import TICK, StallMeter

LENGTH = struct.Struct("!I")
"""The length of a message, which stands before it."""

_REPORT_INTERVAL = 0.25
_SECRET_LINES: ContextVar[list[str]] = ContextVar("secret_lines")


@dataclass(frozen=True, slots=True)
class SlowStart:
    """The endpoint, the run's start on `read_monotonic`, which all processes share, and the caps of an answer."""

    endpoint: Endpoint
    zero: float
    caps: Caps


@dataclass(frozen=True, slots=True)
class SlowRequest:
    """A request, with the number under which its answer is sent back."""

    number: int
    request: Request


@dataclass(frozen=True, slots=True)
class SlowAnswer:
    """The answer to a request, and the secret lines of its signature, which nothing may show."""

    number: int
    raw: RawExchange
    secrets: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class SlowMessage:
    """How this process does: its CPU time, for how long its loop stood still in all, and the longest stall since the
    message before (seconds). `problem` says why it cannot send anything.
    """

    cpu: float
    stalled: float
    stall: float
    answer: SlowAnswer | None = None
    problem: str | None = None


def encode_frame(message: Any) -> bytes:
    """A message behind its length."""
    data = msgspec.msgpack.encode(message)
    return LENGTH.pack(len(data)) + data


class _PieceLog:
    """A stream decoder that decodes nothing: it notes when each piece came."""

    def __init__(self, clock: Clock) -> None:
        self.pieces: list[tuple[float, bytes]] = []
        self._clock = clock

    def feed(self, data: bytes) -> list[StreamEvent]:
        """Note a piece."""
        self.pieces.append((self._clock.now(), data))
        return []

    def close(self) -> list[StreamEvent]:
        """Nothing remains."""
        return []


class _TaskSigner(Signer):
    """Notes secret lines for the exchange that they belong to, too."""

    def remember_line(self, secret: str) -> None:
        """Record a secret line that was sent."""
        super().remember_line(secret)
        _SECRET_LINES.get().append(secret)


class _SlowClient:
    """Carries out the requests of one load. Raises `UsageError` for an endpoint that cannot be used."""

    def __init__(self, start: SlowStart, writer: asyncio.StreamWriter) -> None:
        endpoint = start.endpoint
        if endpoint.signer is not None:
            endpoint = replace(endpoint, signer=_TaskSigner(endpoint.signer.file, endpoint.signer.function))
        self._clock, self._writer = Monotonic(start.zero), writer
        self._transport = create_transport(endpoint, clock=self._clock, caps=start.caps)
        self._meter = StallMeter(self._clock.now())
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader) -> None:
        """Send what is asked for until the input ends."""
        self.report()
        self._start_task(self._watch_loop())
        while True:
            try:
                message = await _read_frame(reader)
            except (asyncio.IncompleteReadError, OSError):
                return
            asked = msgspec.msgpack.decode(message, type=SlowRequest)
            self._start_task(self._exchange(asked, self._clock.now()))

    def report(self, answer: SlowAnswer | None = None) -> None:
        """Send a message."""
        stalled, stall = self._meter.measure(self._clock.now()), self._meter.longest
        self._meter.longest = 0.0
        self._writer.write(encode_frame(SlowMessage(time.process_time(), stalled, stall, answer)))

    def _start_task(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _watch_loop(self) -> None:
        reported = 0.0
        while True:
            await asyncio.sleep(TICK)
            now = self._clock.now()
            self._meter.tick(now)
            if now - reported >= _REPORT_INTERVAL:
                reported = now
                self.report()

    async def _exchange(self, asked: SlowRequest, started: float) -> None:
        secrets: list[str] = []
        _SECRET_LINES.set(secrets)
        stalled = self._meter.measure(started)
        log = _PieceLog(self._clock)
        exchange = await self._transport.exchange(asked.request, decoder=log if asked.request.stream else None)
        ended = self._clock.now()
        raw = _make_raw(exchange, log.pieces, started, ended)
        raw.stalled = self._meter.measure(ended) - stalled
        self.report(SlowAnswer(asked.number, raw, secrets))


def _make_raw(exchange: Exchange, pieces: list[tuple[float, bytes]], started: float, ended: float) -> RawExchange:
    """The exchange as the load engine gives it, but with its content coding undone."""
    timing, response, head = exchange.timing, exchange.response, None
    if response is not None:
        lines = tuple(line for line in response.headers if line[0] != "content-encoding")
        head = Response(response.status, lines, http_version=response.http_version)
        if response.body and not pieces:
            pieces = [(timing.done or ended, response.body)]
    done = timing.done
    return RawExchange(started, timing.first_byte, done, head, pieces, exchange.error, exchange.detail, ended)


async def _read_frame(reader: asyncio.StreamReader) -> bytes:
    (length,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
    return await reader.readexactly(length)


async def _run() -> None:
    reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=sys.stdin.fileno()))
    start = msgspec.msgpack.decode(await _read_frame(reader), type=SlowStart)
    try:
        client = _SlowClient(start, writer)
    except UsageError as problem:
        writer.write(encode_frame(SlowMessage(0.0, 0.0, 0.0, problem=str(problem))))
        await writer.drain()
        return
    await client.serve(reader)


def main() -> None:
    """Serve the process at the other end of standard input. It ends with that one, not by the terminal's signals."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    asyncio.run(_run())


if __name__ == "__main__":
    main()
