"""One process's part of an open-loop load: its arrivals of the one schedule, the engine, the book."""

from __future__ import annotations

import gc
import time
from collections import deque
from collections.abc import Callable

import gevent  # type: ignore[import-untyped]
from gevent.event import Event  # type: ignore[import-untyped]
from locust.env import Environment

from harness.core.exchange import Exchange, Request
from harness.core.load import Job
from harness.core.pacing import Pacer
from harness.io.raw import encode_request
from harness.io.response_reader import RawExchange
from harness.load.child.engine import LoadEngine
from harness.load.counts import WorkerCounts
from harness.load.recorder import AnswerReader, Recorder
from harness.run.preflight import adapter

_SECOND, _BACKLOG = 1.0, 256 * 2**20
"""Seconds between two tellings, and bytes of answers that may wait to be read."""


class LoadFailure(Exception):
    """What locust's own statistics show of a failed request: the error class and its words."""


class LoadWorker:
    """One process's part of a load: every n-th arrival of the schedule from `first` on, the engine, the book.

    `tell` is given the process's share once a second and at the end.
    """

    def __init__(
        self, environment: Environment, job: Job, first: int, of: int, tell: Callable[[WorkerCounts], None]
    ) -> None:
        self.job = job
        self._environment, self._of, self._telling = environment, of, tell
        self._pacer = Pacer(job.load.rate, job.load.duration, job.arrivals, job.seed)
        self._engine = LoadEngine(job.endpoint, job.started)
        self._reader = AnswerReader(adapter(job.endpoint.protocol), job)
        self._wires = [
            (request, b"".join(encode_request(job.endpoint, request, "identity"))) for request in job.requests
        ]
        self._tally = Recorder(job)
        self._share = self._tally.share
        self._next, self._mine = first, len(range(first, self._pacer.count, of))
        self._begun, self._work = Event(), Event()
        self._unread: deque[tuple[Request, float, RawExchange]] = deque()
        self._unread_bytes = 0
        self._began, self._cpu, self._closed = 0.0, 0.0, False
        self._greenlets = [gevent.spawn(self._read), gevent.spawn(self._drive)]

    def begin(self, at: float, skew: float = 0.0) -> None:
        """T0 is fixed, a time of the system's clock. The garbage collector rests until the end."""
        if self._begun.is_set():
            return
        gc.collect()
        gc.freeze()
        gc.disable()
        self._share.skew = skew
        self._cpu, self._began = time.process_time(), self._engine.now()
        self._tally.t0 = self._began + at - time.time()
        self._begun.set()

    def serve(self) -> None:
        """Be one place: take the next arrival, wait until it is due, send it, park; until the schedule is over.

        An arrival that all places were too busy to take in time leaves late and is counted, never dropped.
        """
        self._begun.wait()
        engine, share = self._engine, self._share
        while self._next < self._pacer.count and share.gone is None and not self._closed:
            k = self._next
            self._next += self._of
            due = self._tally.t0 + self._pacer.get_arrival_time(k)
            share.waited += engine.now() > due
            while (left := due - engine.now()) > 0:
                gevent.sleep(left)
            while self._unread_bytes > _BACKLOG:
                gevent.sleep(0.001)
            if share.gone is not None:
                return
            request, wire = self._wires[k % len(self._wires)]
            share.sent += 1
            raw = engine.fetch(wire)
            self._unread.append((request, due, raw))
            self._unread_bytes += sum(len(data) for _, data in raw.pieces)
            self._work.set()

    def finish(self) -> None:
        """Stop what is under way and tell the rest; once."""
        if self._closed:
            return
        self._closed = True
        gevent.killall(self._greenlets, block=False)
        self._engine.close()
        gc.enable()
        gc.unfreeze()
        self._tell_share()

    def _read(self) -> None:
        """Read answers one slice at a time, so that a socket never waits longer than a slice."""
        while True:
            self._work.wait()
            self._work.clear()
            while self._unread:
                request, due, raw = self._unread.popleft()
                for found in self._reader.read(request, due, raw):
                    if found is not None:
                        self._tally.add(found)
                        self._fire(found)
                    gevent.sleep(0)
                self._unread_bytes -= sum(len(data) for _, data in raw.pieces)

    def _fire(self, exchange: Exchange) -> None:
        """One event a request, for stock locust's statistics, web page and CSV."""
        timing, response = exchange.timing, exchange.response
        ended = timing.done if timing.done is not None else self._engine.now()
        kind = f"{self.job.endpoint.protocol} stream" if exchange.request.stream else self.job.endpoint.protocol
        self._environment.events.request.fire(  # type: ignore[no-untyped-call]
            request_type=exchange.request.method,
            name=f"{kind} {exchange.request.path}",
            response_time=(ended - timing.intended) * 1e3,
            response_length=len(response.body) if response else 0,
            exception=None if exchange.ok else LoadFailure(f"{exchange.error}: {exchange.detail}"),
            context={},
        )

    def _drive(self) -> None:
        """Tell what is there once a second, until every arrival was sent and read, or the service is gone."""
        self._begun.wait()
        gevent.sleep(max(0.0, self._tally.t0 - self._engine.now()))
        self._engine.stall = 0.0  # what came before T0 has delayed nothing
        share, last = self._share, 0.0
        while not share.over:
            gevent.sleep(0.05)
            now = self._engine.now()
            done = share.gone is not None or share.sent >= self._mine
            share.over = done and not self._engine.busy and share.completed >= share.sent
            if share.over or now - last >= _SECOND:
                last = now
                self._tell_share()

    def _tell_share(self) -> None:
        self._share.stall = self._engine.stall
        if self._begun.is_set():
            self._share.cpu = (time.process_time() - self._cpu) / max(self._engine.now() - self._began, 1e-3)
        self._telling(self._tally.flush())
