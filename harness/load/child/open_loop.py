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
from harness.load.counts import WorkerCounts, decode_counts, encode_counts

_LEAD, _FORKED_LEAD, _FAR_LEAD = 0.1, 0.5, 2.0
"""Seconds from the last user's start to T0: in one process, in forked ones, on other machines."""
_MUSTER, _ORPHANED = 20.0, 0.5
"""Seconds in which all workers must have come, and between two looks at the parent process."""


@dataclass(slots=True)
class _Current:
    """The load of this process: stock locust knows only its environment and its users."""

    host: str | None = None
    job: Job | None = None
    loop: worker.LoadWorker | None = None
    gathering: master.LoadMaster | None = None


_STATE = _Current()


class ArrivalUser(User):
    """One place for a request in flight; all users of a process share one schedule."""

    abstract = True
    wait_time = constant(0)

    @task
    def arrivals(self) -> None:
        """Serve the schedule until it is over."""
        if _STATE.loop is not None:
            _STATE.loop.serve()
        raise StopUser


@events.init.add_listener  # type: ignore[untyped-decorator]
def _prepare(environment: Environment, **_: Any) -> None:
    """Listen to the other processes; without a web page make the job before the first user starts."""
    runner, options = environment.runner, environment.parsed_options
    _STATE.host = environment.host
    if isinstance(runner, WorkerRunner):
        runner.register_message("ai_job", _join)
        runner.register_message("ai_begin", _begin)
        return
    if isinstance(runner, MasterRunner):
        runner.register_message("ai_share", _heard)
    if options is None or options.headless:
        try:
            _STATE.job = locust_options.read_job() or standalone.make_job(environment)
        except HarnessError as problem:
            sys.stderr.write(f"{problem}\n")
            sys.exit(4 if isinstance(problem, UsageError) else 21)
        if isinstance(runner, MasterRunner):
            _muster(runner, options)


def _muster(runner: MasterRunner, options: Any) -> None:
    """Wait for the workers, and refuse a load for which too few have come."""
    patience = options.expect_workers_max_wait or _MUSTER
    ends = time.monotonic() + patience
    while (here := len(runner.clients.ready)) < options.expect_workers:
        if time.monotonic() > ends:
            sys.stderr.write(f"{here} of {options.expect_workers} load workers came within {patience:g} s\n")
            runner.quit()
            sys.exit(21)
        gevent.sleep(0.05)


@events.test_start.add_listener  # type: ignore[untyped-decorator]
def _start_load(environment: Environment, **_: Any) -> None:
    """Make the load, and hand it out to the workers that are there. With a web page it is a new one for each test."""
    runner = environment.runner
    if runner is None or isinstance(runner, WorkerRunner):
        return
    try:
        job, _STATE.job = _STATE.job or standalone.make_job(environment), None
        workers = [node.id for node in runner.clients.ready] if isinstance(runner, MasterRunner) else []
        if len(workers) > job.load.concurrency:
            raise UsageError(f"{job.load.concurrency} requests in flight are too few for {len(workers)} load workers")
        _STATE.gathering = gathering = master.LoadMaster(environment, job, len(workers) or 1)
        for i, name in enumerate(workers):
            runner.send_message("ai_job", {**master.encode_job(job), "i": i, "of": len(workers)}, client_id=name)
        if not workers:
            _STATE.loop = worker.LoadWorker(environment, job, 0, 1, lambda share: gathering.take(0, share))
    except HarnessError as problem:
        sys.stderr.write(f"{problem}\n")
        _STATE.loop = _STATE.gathering = None
        environment.process_exit_code = 4 if isinstance(problem, UsageError) else 21
        options = environment.parsed_options
        gevent.spawn(runner.quit if options is None or options.headless else runner.stop)


def _join(environment: Environment, msg: Any, **_: Any) -> None:
    """A worker takes up its part of the job."""
    runner, i = environment.runner, msg.data["i"]

    def tell(share: WorkerCounts) -> None:
        if runner is not None:
            runner.send_message("ai_share", {"i": i, "share": encode_counts(share)})

    _STATE.loop = None
    try:
        _STATE.loop = worker.LoadWorker(environment, master.decode_job(msg.data, _STATE.host), i, msg.data["of"], tell)
    except HarnessError as problem:
        tell(WorkerCounts({}, problem=str(problem)))


def _begin(msg: Any, **_: Any) -> None:
    if _STATE.loop is not None:
        _STATE.loop.begin(msg.data["at"], abs(time.time() - msg.data["now"]))


def _heard(msg: Any, **_: Any) -> None:
    if _STATE.gathering is not None:
        _STATE.gathering.take(msg.data["i"], decode_counts(msg.data["share"]))


@events.spawning_complete.add_listener  # type: ignore[untyped-decorator]
def _fix_zero(**_: Any) -> None:
    """All places are there: fix T0, once, for every process."""
    gathering, loop = _STATE.gathering, _STATE.loop
    if gathering is None or gathering.begun:
        return
    options: Any = gathering.environment.parsed_options
    now = time.time()
    at = now + (_LEAD if loop is not None else _FORKED_LEAD if options.processes else _FAR_LEAD)
    gathering.begin(at)
    if loop is not None:
        loop.begin(at)
    else:
        runner: Any = gathering.environment.runner
        runner.send_message("ai_begin", {"at": at, "now": now})


@events.test_stop.add_listener  # type: ignore[untyped-decorator]
@events.quitting.add_listener  # type: ignore[untyped-decorator]
def _finish_load(**_: Any) -> None:
    """Write the result, however the test ends, and set the exit status by the verdicts."""
    if _STATE.loop is not None:
        _STATE.loop.finish()
    if _STATE.gathering is not None:
        _STATE.gathering.finish()


def _watch_parent(parent: int | None = None) -> None:
    """End with the process that started this one, even where that was killed before they had met."""
    parent = parent or os.getppid()
    for timer in _WATCHED:
        timer.stop()  # that of the process which has forked this one
    _WATCHED[:] = [gevent.get_hub().loop.timer(_ORPHANED, _ORPHANED)]
    _WATCHED[0].start(lambda: os.getppid() == parent or os._exit(3))


_WATCHED: list[Any] = []
os.register_at_fork(after_in_child=_watch_parent)
if locust_options.is_child():
    _watch_parent(locust_options.get_gate_pid())
