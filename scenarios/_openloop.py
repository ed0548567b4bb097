"""The open-loop load inside locust: a schedule fixed beforehand, and users that are places for requests in flight."""

from __future__ import annotations

import gc
import os
import sys
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gevent  # type: ignore[import-untyped]
import msgspec
from gevent.event import Event  # type: ignore[import-untyped]
from harness.scenarios import _options, _standalone  # type: ignore[import-not-found]
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
from harness.io.rundir import RunDir
from harness.run.loadtally import Reader, Tally, result_path
from harness.run.preflight import adapter

LEAD, SECOND, BACKLOG = 0.1, 1.0, 256 * 2**20
"""Seconds from the last user's start to T0, between two writings, and bytes of answers that may wait to be read."""


class LoadFailure(Exception):
    """What locust's own statistics show of a failed request: the error class and its words."""


@dataclass(slots=True)
class _Current:
    """The load of this process: stock locust knows only its environment and its users."""

    load: OpenLoop | None = None


CURRENT = _Current()


class OpenLoop:
    """One load in this process: the schedule, the engine, the book."""

    def __init__(self, environment: Environment, job: Job) -> None:
        load = job.load
        self.job, self.over = job, False
        self._environment = environment
        self._pacer = Pacer(load.rate, load.duration, job.arrivals, job.seed)
        self._engine = LoadEngine(job.endpoint, job.started)
        self._reader = Reader(adapter(job.endpoint.protocol), job)
        self._wires = [(request, self._engine.wire(request)) for request in job.requests]
        self._run_dir = RunDir(Path(job.run_dir), job.endpoint.secrets())
        result_path(self._run_dir.path, load.scenario).parent.mkdir(exist_ok=True)
        self.tally = Tally(job, self._pacer)
        self._next = 0
        self._begun, self._work = Event(), Event()
        self._unread: deque[tuple[Request, float, Raw]] = deque()
        self._unread_bytes = 0
        self._cpu, self._closed = 0.0, False
        self._greenlets = [gevent.spawn(self._read), gevent.spawn(self._drive)]

    def begin(self) -> None:
        """Fix T0: all places are there. The garbage collector rests until the end."""
        if self._begun.is_set():
            return
        gc.collect()
        gc.freeze()
        gc.disable()
        self._engine.stall = 0.0
        self._cpu = time.process_time()
        self.tally.t0 = self._engine.now() + LEAD
        self._begun.set()

    def serve(self) -> None:
        """Be one place: take the next arrival, wait until it is due, send it, park; until the schedule is over.

        An arrival that all places were too busy to take in time leaves late and is counted, never dropped.
        """
        self._begun.wait()
        engine, tally = self._engine, self.tally
        while self._next < self._pacer.count and not self.over:
            k = self._next
            self._next += 1
            due = tally.t0 + self._pacer.next_at(k)
            tally.waited += engine.now() > due
            while (left := due - engine.now()) > 0:
                gevent.sleep(left)
            while self._unread_bytes > BACKLOG:
                gevent.sleep(0.001)
            request, wire = self._wires[k % len(self._wires)]
            tally.sent += 1
            raw = engine.fetch(wire)
            self._unread.append((request, due, raw))
            self._unread_bytes += sum(len(data) for _, data in raw.pieces)
            self._work.set()

    def finish(self) -> None:
        """Stop what is under way and write the result down; once."""
        if self._closed:
            return
        self._closed = True
        gevent.killall(self._greenlets, block=False)
        self._engine.close()
        gc.enable()
        self._write(finished=self.over)

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
                        self.tally.add(found)
                        self._tell(found)
                    gevent.sleep(0)
                self._unread_bytes -= sum(len(data) for _, data in raw.pieces)

    def _tell(self, exchange: Exchange) -> None:
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
        """Write down what is there once a second; end the test with the schedule, or with the service."""
        self._begun.wait()
        last = 0.0
        while not self.over:
            gevent.sleep(0.05)
            now = self._engine.now()
            done = self._next >= self._pacer.count or self.tally.gone is not None
            if done and self.tally.gone is not None:
                self._next = self._pacer.count
            self.over = done and not self._engine.busy and not self._unread and self._all_counted()
            if self.over or now - last >= SECOND:
                last = now
                self._write(finished=False)
        if self._environment.runner is not None:
            self._environment.runner.quit()

    def _all_counted(self) -> bool:
        return self.tally.completed >= self.tally.sent and (
            self.tally.gone is not None or self.tally.sent >= self._pacer.count
        )

    def _write(self, *, finished: bool) -> None:
        self.tally.stall = self._engine.stall
        self.tally.flush(self._run_dir)
        began = self.tally.t0 - LEAD
        cpu = (time.process_time() - self._cpu) / (self._engine.now() - began) if self._begun.is_set() else None
        found = self.tally.result(self.job.load.scenario, cpu, finished)
        self._run_dir.write(f"load/{self.job.load.scenario}.json", msgspec.json.encode(found))


class ArrivalUser(User):
    """One place for a request in flight; all users of a test share one schedule."""

    abstract = True
    wait_time = constant(0)

    @task
    def arrivals(self) -> None:
        """Serve the schedule until it is over."""
        if CURRENT.load is not None:
            CURRENT.load.serve()
        raise StopUser


@events.init.add_listener  # type: ignore[untyped-decorator]
def prepare(environment: Environment, **_: Any) -> None:
    """Refuse what cannot be done yet, and without a web page make everything ready before the first user starts."""
    if isinstance(environment.runner, MasterRunner | WorkerRunner):
        sys.stderr.write("open-loop scenarios run in one process: take --processes, --master and --worker out\n")
        sys.exit(4)
    options = environment.parsed_options
    if options is None or options.headless:
        _start(environment)


@events.test_start.add_listener  # type: ignore[untyped-decorator]
def start(environment: Environment, **_: Any) -> None:
    """With a web page: make a new load for each test."""
    options = environment.parsed_options
    if options is not None and not options.headless:
        _start(environment)


def _start(environment: Environment) -> None:
    try:
        job = _options.handed_job() or _standalone.make_job(environment)
        CURRENT.load = OpenLoop(environment, job)
    except UsageError as problem:
        sys.stderr.write(f"{problem}\n")
        sys.exit(4)
    except HarnessError as problem:
        sys.stderr.write(f"{problem}\n")
        sys.exit(21)
    if _options.is_child():
        watcher = gevent.get_hub().loop.io(0, 1)
        watcher.start(_orphaned, watcher)


def _orphaned(watcher: Any) -> None:
    """The parent holds the other end of standard input: its end is the parent's end."""
    if not os.read(0, 1):
        os._exit(3)


@events.spawning_complete.add_listener  # type: ignore[untyped-decorator]
def begin(**_: Any) -> None:
    """All places are there."""
    if CURRENT.load is not None:
        CURRENT.load.begin()


@events.quitting.add_listener  # type: ignore[untyped-decorator]
def end(environment: Environment, **_: Any) -> None:
    """Write the result, however the test ends, and set the exit status by the verdicts."""
    if CURRENT.load is None:
        return
    CURRENT.load.finish()
    job = CURRENT.load.job
    environment.process_exit_code = 0 if _options.is_child() else _standalone.conclude(job)
