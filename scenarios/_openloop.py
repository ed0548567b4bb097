"""The open-loop load inside locust: a schedule fixed beforehand, and users that are places for requests in flight.

Alone or as one of many workers: process i of n sends the arrivals k with k mod n = i of the one schedule. The master
hands out the job, names T0 as a time of the system's clock, and gathers what was counted (`_gather`); the clocks of
several machines must agree, and a difference is noticed.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gevent  # type: ignore[import-untyped]
from gevent.event import Event  # type: ignore[import-untyped]
from harness.scenarios import _gather, _options, _standalone  # type: ignore[import-not-found]
from locust import User, constant, events, task
from locust.env import Environment
from locust.exception import StopUser
from locust.runners import MasterRunner, WorkerRunner

from harness.core.errors import HarnessError, UsageError
from harness.core.exchange import Exchange, Request
from harness.core.load import Job
from harness.core.pacing import Pacer
from harness.io.loadengine import LoadEngine
from harness.io.loadengine_connection import Raw
from harness.run.loadshare import Share, from_wire, to_wire
from harness.run.loadtally import Reader, Tally
from harness.run.preflight import adapter

SECOND, BACKLOG = 1.0, 256 * 2**20
"""Seconds between two tellings, and bytes of answers that may wait to be read."""
LEAD, FORKED_LEAD, FAR_LEAD = 0.1, 0.5, 2.0
"""Seconds from the last user's start to T0: in one process, in forked ones, on other machines."""
MUSTER, ORPHANED = 20.0, 0.5
"""Seconds in which all workers must have come, and between two looks at the parent process."""


class LoadFailure(Exception):
    """What locust's own statistics show of a failed request: the error class and its words."""


@dataclass(slots=True)
class _Current:
    """The load of this process: stock locust knows only its environment and its users."""

    host: str | None = None
    job: Job | None = None
    loop: OpenLoop | None = None
    gathering: _gather.Gathering | None = None


CURRENT = _Current()


class OpenLoop:
    """One process's part of a load: every n-th arrival of the schedule from `first` on, the engine, the book.

    `tell` is given the process's share once a second and at the end.
    """

    def __init__(self, environment: Environment, job: Job, first: int, of: int, tell: Callable[[Share], None]) -> None:
        self.job = job
        self._environment, self._of, self._telling = environment, of, tell
        self._pacer = Pacer(job.load.rate, job.load.duration, job.arrivals, job.seed)
        self._engine = LoadEngine(job.endpoint, job.started)
        self._reader = Reader(adapter(job.endpoint.protocol), job)
        self._wires = [(request, self._engine.wire(request)) for request in job.requests]
        self._tally = Tally(job)
        self._share = self._tally.share
        self._next, self._mine = first, len(range(first, self._pacer.count, of))
        self._begun, self._work = Event(), Event()
        self._unread: deque[tuple[Request, float, Raw]] = deque()
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
            due = self._tally.t0 + self._pacer.next_at(k)
            share.waited += engine.now() > due
            while (left := due - engine.now()) > 0:
                gevent.sleep(left)
            while self._unread_bytes > BACKLOG:
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
                failure = None if raw.error is None else (raw.error, raw.detail)
                course = self._reader.read(
                    request, due, raw.started, raw.first_byte, raw.done, raw.head, raw.pieces, failure
                )
                for found in course:
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
            if share.over or now - last >= SECOND:
                last = now
                self._tell_share()

    def _tell_share(self) -> None:
        self._share.stall = self._engine.stall
        if self._begun.is_set():
            self._share.cpu = (time.process_time() - self._cpu) / max(self._engine.now() - self._began, 1e-3)
        self._telling(self._tally.flush())


class ArrivalUser(User):
    """One place for a request in flight; all users of a process share one schedule."""

    abstract = True
    wait_time = constant(0)

    @task
    def arrivals(self) -> None:
        """Serve the schedule until it is over."""
        if CURRENT.loop is not None:
            CURRENT.loop.serve()
        raise StopUser


@events.init.add_listener  # type: ignore[untyped-decorator]
def prepare(environment: Environment, **_: Any) -> None:
    """Listen to the other processes; without a web page make the job before the first user starts."""
    runner, options = environment.runner, environment.parsed_options
    CURRENT.host = environment.host
    if isinstance(runner, WorkerRunner):
        runner.register_message("ai_job", _join)
        runner.register_message("ai_begin", _begin)
        return
    if isinstance(runner, MasterRunner):
        runner.register_message("ai_share", _heard)
    if options is None or options.headless:
        try:
            CURRENT.job = _options.handed_job() or _standalone.make_job(environment)
        except HarnessError as problem:
            sys.stderr.write(f"{problem}\n")
            sys.exit(4 if isinstance(problem, UsageError) else 21)
        if isinstance(runner, MasterRunner):
            _muster(runner, options)


def _muster(runner: MasterRunner, options: Any) -> None:
    """Wait for the workers, and refuse a load for which too few have come."""
    patience = options.expect_workers_max_wait or MUSTER
    ends = time.monotonic() + patience
    while (here := len(runner.clients.ready)) < options.expect_workers:
        if time.monotonic() > ends:
            sys.stderr.write(f"{here} of {options.expect_workers} load workers came within {patience:g} s\n")
            runner.quit()
            sys.exit(21)
        gevent.sleep(0.05)


@events.test_start.add_listener  # type: ignore[untyped-decorator]
def start(environment: Environment, **_: Any) -> None:
    """Make the load, and hand it out to the workers that are there. With a web page it is a new one for each test."""
    runner = environment.runner
    if runner is None or isinstance(runner, WorkerRunner):
        return
    try:
        job, CURRENT.job = CURRENT.job or _standalone.make_job(environment), None
        workers = [node.id for node in runner.clients.ready] if isinstance(runner, MasterRunner) else []
        if len(workers) > job.load.concurrency:
            raise UsageError(f"{job.load.concurrency} requests in flight are too few for {len(workers)} load workers")
        CURRENT.gathering = gathering = _gather.Gathering(environment, job, len(workers) or 1)
        for i, name in enumerate(workers):
            runner.send_message("ai_job", {**_gather.handed(job), "i": i, "of": len(workers)}, client_id=name)
        if not workers:
            CURRENT.loop = OpenLoop(environment, job, 0, 1, lambda share: gathering.take(0, share))
    except HarnessError as problem:
        sys.stderr.write(f"{problem}\n")
        CURRENT.loop = CURRENT.gathering = None
        environment.process_exit_code = 4 if isinstance(problem, UsageError) else 21
        options = environment.parsed_options
        gevent.spawn(runner.quit if options is None or options.headless else runner.stop)


def _join(environment: Environment, msg: Any, **_: Any) -> None:
    """A worker takes up its part of the job."""
    runner, i = environment.runner, msg.data["i"]

    def tell(share: Share) -> None:
        if runner is not None:
            runner.send_message("ai_share", {"i": i, "share": to_wire(share)})

    CURRENT.loop = None
    try:
        CURRENT.loop = OpenLoop(environment, _gather.received(msg.data, CURRENT.host), i, msg.data["of"], tell)
    except HarnessError as problem:
        tell(Share({}, problem=str(problem)))


def _begin(msg: Any, **_: Any) -> None:
    if CURRENT.loop is not None:
        CURRENT.loop.begin(msg.data["at"], abs(time.time() - msg.data["now"]))


def _heard(msg: Any, **_: Any) -> None:
    if CURRENT.gathering is not None:
        CURRENT.gathering.take(msg.data["i"], from_wire(msg.data["share"]))


@events.spawning_complete.add_listener  # type: ignore[untyped-decorator]
def begin(**_: Any) -> None:
    """All places are there: fix T0, once, for every process."""
    gathering, loop = CURRENT.gathering, CURRENT.loop
    if gathering is None or gathering.begun:
        return
    options: Any = gathering.environment.parsed_options
    now = time.time()
    at = now + (LEAD if loop is not None else FORKED_LEAD if options.processes else FAR_LEAD)
    gathering.begin(at)
    if loop is not None:
        loop.begin(at)
    else:
        gathering.environment.runner.send_message("ai_begin", {"at": at, "now": now})


@events.test_stop.add_listener  # type: ignore[untyped-decorator]
@events.quitting.add_listener  # type: ignore[untyped-decorator]
def end(**_: Any) -> None:
    """Write the result, however the test ends, and set the exit status by the verdicts."""
    if CURRENT.loop is not None:
        CURRENT.loop.finish()
    if CURRENT.gathering is not None:
        CURRENT.gathering.finish()


def _watch_parent(parent: int | None = None) -> None:
    """End with the process that started this one, even where that was killed before they had met."""
    parent = parent or os.getppid()
    for timer in _WATCHED:
        timer.stop()  # that of the process which has forked this one
    _WATCHED[:] = [gevent.get_hub().loop.timer(ORPHANED, ORPHANED)]
    _WATCHED[0].start(lambda: os.getppid() == parent or os._exit(3))


_WATCHED: list[Any] = []
os.register_at_fork(after_in_child=_watch_parent)
if _options.is_child():
    _watch_parent(_options.parent())
