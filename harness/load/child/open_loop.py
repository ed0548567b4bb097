"""The open-loop load inside locust: a schedule fixed beforehand, and users that are places for requests in flight.

Alone or as one of many workers: process i of n sends the arrivals k with k mod n = i of the one schedule. The master
hands out the job, names T0 as a time of the system's clock, and gathers what was counted (`_gather`); the clocks of
several machines must agree, and a difference is noticed.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from typing import Any

import gevent  # type: ignore[import-untyped]
from locust import User, constant, events, task
from locust.env import Environment
from locust.exception import StopUser
from locust.runners import MasterRunner, WorkerRunner

from harness.core.errors import HarnessError, UsageError
from harness.core.load import Job
from harness.load.child import locust_options, master, standalone, worker
from harness.load.counts import Share, from_wire, to_wire

LEAD, FORKED_LEAD, FAR_LEAD = 0.1, 0.5, 2.0
"""Seconds from the last user's start to T0: in one process, in forked ones, on other machines."""
MUSTER, ORPHANED = 20.0, 0.5
"""Seconds in which all workers must have come, and between two looks at the parent process."""


@dataclass(slots=True)
class _Current:
    """The load of this process: stock locust knows only its environment and its users."""

    host: str | None = None
    job: Job | None = None
    loop: worker.OpenLoop | None = None
    gathering: master.Gathering | None = None


CURRENT = _Current()


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
def _prepare(environment: Environment, **_: Any) -> None:
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
            CURRENT.job = locust_options.handed_job() or standalone.make_job(environment)
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
        job, CURRENT.job = CURRENT.job or standalone.make_job(environment), None
        workers = [node.id for node in runner.clients.ready] if isinstance(runner, MasterRunner) else []
        if len(workers) > job.load.concurrency:
            raise UsageError(f"{job.load.concurrency} requests in flight are too few for {len(workers)} load workers")
        CURRENT.gathering = gathering = master.Gathering(environment, job, len(workers) or 1)
        for i, name in enumerate(workers):
            runner.send_message("ai_job", {**master.handed(job), "i": i, "of": len(workers)}, client_id=name)
        if not workers:
            CURRENT.loop = worker.OpenLoop(environment, job, 0, 1, lambda share: gathering.take(0, share))
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
        CURRENT.loop = worker.OpenLoop(environment, master.received(msg.data, CURRENT.host), i, msg.data["of"], tell)
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
        runner: Any = gathering.environment.runner
        runner.send_message("ai_begin", {"at": at, "now": now})


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
if locust_options.is_child():
    _watch_parent(locust_options.parent())
