"""The open-loop load inside locust: a schedule fixed beforehand, and users that are slots for requests in flight.

Alone or as one of many workers: process i of n sends the arrivals k with k mod n = i of the one schedule. The master
hands out the job, names the schedule's zero as a time of the system's clock, and adds up the counts (`LoadMaster`).
The clocks of several machines must agree; a difference is noticed and reported.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, replace
from functools import partial
from types import SimpleNamespace
from typing import Any, ClassVar

import gevent
from locust import User, constant, events, runners, task
from locust.env import Environment
from locust.exception import StopUser
from locust.runners import MasterRunner, WorkerRunner

from harness.core.errors import HarnessError, UsageError
from harness.core.load import Job
from harness.core.sweep import SWEEP_SCENARIO
from harness.load.child import locust_options, standalone, sweep_handover
from harness.load.child.master import LoadMaster, decode_job, encode_job, end_test
from harness.load.child.worker import LoadWorker
from harness.load.counts import WorkerCounts, decode_counts, encode_counts

_LEAD, _FORKED_LEAD, _FAR_LEAD = 0.1, 0.5, 2.0
"""Seconds from the last user's start to the schedule's zero: in one process, in forked ones, on other machines."""
_WORKERS_DEADLINE, _PARENT_LOOK = 20.0, 0.5
"""Seconds in which all workers must have connected, and between two looks at the parent process."""

runners.HEARTBEAT_LIVENESS = 15
"""Seconds without a heartbeat after which locust gives a worker up, and with the last one the test. By locust's own 3 a
busy machine, on which workers need longer to begin, has none left. More than `SILENT`: ours is the first to say so."""

_STARTED = time.time() - time.monotonic()
vars(runners)["time"] = SimpleNamespace(time=lambda: _STARTED + time.monotonic())
"""Locust's workers end when the clock of the day says that the master is silent: a clock that is set ends no load."""


@dataclass(slots=True)
class _ProcessState:
    """The load of this process: stock locust knows only its environment and its users."""

    host: str | None = None
    job: Job | None = None
    workers: tuple[LoadWorker, ...] = ()
    master: LoadMaster | None = None


_STATE = _ProcessState()


class ArrivalUser(User):
    """One slot, a place for one request in flight; all users of a process share one schedule.

    A scenario is a subclass. `arrivals` is its arrival process (as in `harness.core.pacing`), `shape` how its rate
    changes (as in `harness.core.arrival_settings`); for a scenario that leaves one empty, `--arrivals` or
    `[load] arrivals` decides, and `--shape` or `[load] shape`.
    """

    abstract = True
    wait_time = constant(0)
    arrivals: ClassVar[str] = ""
    shape: ClassVar[str] = ""

    @task
    def serve_schedule(self) -> None:
        """Serve the schedule until it is over; of two endpoints each has a slot of its own here."""
        slots = [gevent.spawn(worker.run_slot) for worker in _STATE.workers[1:]]
        for worker in _STATE.workers[:1]:
            worker.run_slot()
        gevent.joinall(slots)
        raise StopUser


def _prepare(environment: Environment, **_: Any) -> None:
    """Listen to the other processes; without a web page make the job before the first user starts."""
    runner, options = environment.runner, environment.parsed_options
    _STATE.host = environment.host
    if any(getattr(user_class, "shape", "") == SWEEP_SCENARIO for user_class in environment.user_classes):
        try:
            sweep_handover.become_sweep(options, environment.host)
        except HarnessError as problem:
            sys.exit(_report_problem(problem))
    if isinstance(runner, WorkerRunner):
        runner.register_message("ai_job", _join_load)
        runner.register_message("ai_begin", _begin_schedule)
        return
    if isinstance(runner, MasterRunner):
        runner.register_message("ai_counts", _receive_counts)
    if options is None or options.headless:
        try:
            _STATE.job = locust_options.read_job() or standalone.make_job(environment)
        except HarnessError as problem:
            sys.exit(_report_problem(problem))
        if options is not None:
            options.run_time = None  # it is the duration: locust's own timer would end the load before its last answer
        if isinstance(runner, MasterRunner):
            _wait_for_workers(runner, options)


def _report_problem(problem: HarnessError) -> int:
    """Print why the load cannot start; the exit status."""
    sys.stderr.write(f"{problem}\n")
    return 4 if isinstance(problem, UsageError) else 21


def _wait_for_workers(runner: MasterRunner, options: Any) -> None:
    """Wait until all workers have connected; exit if they do not in time."""
    patience = options.expect_workers_max_wait or _WORKERS_DEADLINE
    deadline = time.monotonic() + patience
    while (ready := len(runner.clients.ready)) < options.expect_workers:
        if time.monotonic() > deadline:
            sys.stderr.write(f"{ready} of {options.expect_workers} load workers connected within {patience:g} s\n")
            runner.quit()
            sys.exit(21)
        gevent.sleep(0.05)


def _start_load(environment: Environment, **_: Any) -> None:
    """Make the load, and hand it out to the workers that are there. With a web page every test is a new load."""
    runner = environment.runner
    if runner is None or isinstance(runner, WorkerRunner):
        return
    try:
        job, _STATE.job = _STATE.job or standalone.make_job(environment), None
        for user_class in environment.user_classes:
            arrivals = getattr(user_class, "arrivals", "") or job.load.arrivals
            shape = getattr(user_class, "shape", "") or job.load.shape_name
            if shape != job.load.shape_name:
                raise UsageError(f'the scenario {job.load.scenario} has another shape: give [load] shape = "{shape}"')
            job = replace(job, load=replace(job.load, arrivals=arrivals))
        workers = [node.id for node in runner.clients.ready] if isinstance(runner, MasterRunner) else []
        if len(workers) > job.load.concurrency:
            raise UsageError(f"{job.load.concurrency} requests in flight are too few for {len(workers)} load workers")
        _STATE.master = master = LoadMaster(environment, job, workers)
        for i, name in enumerate(workers):
            runner.send_message("ai_job", {**encode_job(job), "i": i, "of": len(workers)}, client_id=name)
        if not workers:
            _STATE.workers = tuple(
                LoadWorker(environment, part, 0, 1, partial(master.add_counts, 0, side=side))
                for side, part in enumerate(job.list_sides())
            )
    except HarnessError as problem:
        environment.process_exit_code = _report_problem(problem)
        _STATE.workers, _STATE.master = (), None
        gevent.spawn(end_test, environment)


def _join_load(environment: Environment, msg: Any, **_: Any) -> None:
    """A worker takes up its part of the job."""
    runner, i = environment.runner, msg.data["i"]

    def send_counts(counts: WorkerCounts, side: int = 0) -> None:
        if runner is not None:
            runner.send_message("ai_counts", {"i": i, "side": side, "counts": encode_counts(counts)})

    _STATE.workers = ()
    try:
        job = decode_job(msg.data, _STATE.host)
        _STATE.workers = tuple(
            LoadWorker(environment, part, i, msg.data["of"], partial(send_counts, side=side))
            for side, part in enumerate(job.list_sides())
        )
        for worker in _STATE.workers:
            worker.report_counts()
    except HarnessError as problem:
        send_counts(WorkerCounts({}, problem=str(problem)))


def _begin_schedule(msg: Any, **_: Any) -> None:
    """Begin when the master does: by the clock that forked processes share, else by the time of day."""
    at, now, skew = msg.data["monotonic"], msg.data["now"], 0.0
    if at is None:
        # A message takes some milliseconds: more is a difference of the clocks.
        at, skew = time.monotonic() + msg.data["at"] - time.time(), abs(time.time() - now)
    for worker in _STATE.workers:
        worker.begin(at, skew)


def _receive_counts(msg: Any, **_: Any) -> None:
    if _STATE.master is not None:
        _STATE.master.add_counts(msg.data["i"], decode_counts(msg.data["counts"]), side=msg.data["side"])


def _fix_zero(**_: Any) -> None:
    """All users have started: fix the schedule's zero, once, for every process."""
    master = _STATE.master
    if master is None or master.has_begun:
        return
    if _STATE.workers:
        at = time.monotonic() + _LEAD - master.offset
        master.begin(at)
        for worker in _STATE.workers:
            worker.begin(at)
    else:
        gevent.spawn(_begin_together, master)


def _begin_together(master: LoadMaster) -> None:
    """Fix the schedule's zero as soon as every worker has taken up its part."""
    if not master.wait_for_workers():
        return
    options: Any = master.environment.parsed_options
    runner: Any = master.environment.runner
    lead = _FORKED_LEAD if options.processes else _FAR_LEAD
    lead -= master.offset
    now, at = time.time(), time.monotonic() + lead
    master.begin(at)
    shared = at if options.processes else None
    runner.send_message("ai_begin", {"at": now + lead, "monotonic": shared, "now": now})


def _finish_load(**_: Any) -> None:
    """Write the result, however the test ends, and set the exit status by the verdicts."""
    for worker in _STATE.workers:
        worker.finish()
    if _STATE.master is not None:
        _STATE.master.finish()


def _watch_parent(parent: int | None = None) -> None:
    """End this process when its parent ends, even if the parent was killed before this process began to watch it."""
    parent = parent or os.getppid()
    for timer in _PARENT_TIMERS:
        timer.stop()  # the parent's timer, inherited by the fork
    _PARENT_TIMERS[:] = [gevent.get_hub().loop.timer(_PARENT_LOOK, _PARENT_LOOK)]
    _PARENT_TIMERS[0].start(lambda: os.getppid() == parent or os._exit(3))


_PARENT_TIMERS: list[Any] = []
os.register_at_fork(after_in_child=_watch_parent)
if locust_options.is_gate_child():
    _watch_parent(locust_options.get_gate_pid())

for _hook, _listener in (
    (events.init_command_line_parser, locust_options.add_options),
    (events.init, _prepare),
    (events.test_start, _start_load),
    (events.spawning_complete, _fix_zero),
    (events.test_stop, _finish_load),
    (events.quitting, _finish_load),
):
    _hook.add_listener(_listener)  # type: ignore[no-untyped-call]
