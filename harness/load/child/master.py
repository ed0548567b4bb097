"""The master's part of a load, of one process or many: hand the job out, add up the counts, end the test."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gevent
import msgspec
from gevent.event import Event
from locust.env import Environment
from locust.runners import STATE_MISSING

from harness.core.arrival_settings import SOAK, STRESS
from harness.core.endpoint import Endpoint
from harness.core.errors import UsageError
from harness.core.load import Job, LoadResult, find_slow_path
from harness.core.sweep import Saturation
from harness.core.turns import count_pairs
from harness.io.rundir import SERIES, RunDir
from harness.load.child import locust_options, standalone
from harness.load.child.live_line import LiveLine
from harness.load.child.prometheus_page import PrometheusPage
from harness.load.child.scraper import Scraper
from harness.load.child.stats_rows import shorten_statistics
from harness.load.comparison import make_contrasts
from harness.load.counts import WorkerCounts, sum_counts
from harness.load.live import LoadState, describe_live_load
from harness.load.load_result import get_result_path, make_load_result
from harness.load.recorder import Recorder
from harness.load.recovery_time import measure_recovery
from harness.load.soak_files import SoakFiles
from harness.load.worker_table import WorkerTable
from harness.stats.saturation import measure_growth

_LOOK, _WRITING_INTERVAL = 0.1, 1.0
"""Seconds between two looks at the workers, and between two writings of the result."""

_JOIN_DEADLINE = 120.0
"""Seconds in which every worker must have made its schedule: 100,000 requests take less than 1 s."""


@dataclass(slots=True)
class _Side:
    """One of the endpoints of a load: its job, what its workers counted, why it is gone (None: it is there), and
    that its queue only grew until that decided everything.
    """

    job: Job
    workers: WorkerTable
    gone: str | None = None
    saturation: Saturation | None = None

    @property
    def counts(self) -> WorkerCounts:
        """The counts of all workers as one."""
        return sum_counts(self.workers.parts or [Recorder(self.job).counts])


class LoadMaster:
    """Adds up the counts of all workers and writes the result every second. Ends the test when every worker has
    finished, was lost, or reports that the service no longer answers.

    `names` are those of the workers by which locust knows them; none where this process makes the load alone.
    """

    def __init__(self, environment: Environment, job: Job, names: Sequence[str] = ()) -> None:
        self.job, self.environment = job, environment
        self.problem: str | None = None
        self._names, self._t0 = names, 0.0
        count, parts = job.load.requests - job.first, job.list_sides()
        self._sides = tuple(_Side(part, WorkerTable(names or ("this process",), count)) for part in parts)
        self._workers = self._sides[0].workers
        self._run_dir = RunDir(Path(job.run_dir), job.endpoint.list_secrets())
        get_result_path(self._run_dir.path, job.load.scenario).parent.mkdir(exist_ok=True)
        self._zero_fixed, self._is_closed = Event(), False
        self._scraper: Scraper | None = None
        self._page = self._open_page()
        self._soak: SoakFiles | None = None
        if job.load.shape_name == SOAK:
            self._soak = SoakFiles(self._run_dir, job, can_resume=not locust_options.is_gate_child())
        self._live = None if locust_options.is_gate_child() else LiveLine(sys.stderr, os.environ)
        self._lines_after: list[Mapping[str, Any]] = []
        self._queue: list[tuple[float, float]] = []
        gevent.spawn(self._watch_workers)

    def _open_page(self) -> PrometheusPage | None:
        """The page for Prometheus, if it is wanted. Raises `UsageError` for a port that cannot be used."""
        port = getattr(self.environment.parsed_options, "prometheus", None)
        return PrometheusPage(int(port), self._sum_counts) if port else None

    @property
    def has_begun(self) -> bool:
        """Whether the schedule's zero is fixed, or never will be."""
        return bool(self._zero_fixed.is_set())

    @property
    def offset(self) -> float:
        """The time of the schedule at which it begins: over 0 for a soak that goes on."""
        job = self.job
        return job.load.make_pacer(job.seed).get_arrival_time(job.first) if job.first else 0.0

    def wait_for_workers(self) -> bool:
        """Whether every worker has taken up its part. A worker of which locust hears nothing is not waited for."""
        ends = time.monotonic() + _JOIN_DEADLINE
        while not (all(side.workers.have_joined for side in self._sides) or self.has_begun):
            clients: Any = getattr(self.environment.runner, "clients", {})
            missing = [i for i, name in enumerate(self._names) if name not in clients] + self._list_missing()
            if missing or time.monotonic() > ends:
                worker = self._workers.describe(missing[0]) if missing else "a load worker"
                self._give_up(f"{worker} died or stood still before the load began")
                return False
            gevent.sleep(_LOOK)
        return not self.has_begun

    def begin(self, at: float) -> None:
        """Start the schedule when the monotonic clock shows `at`; a resumed job skips the arrivals that are over."""
        self._t0 = at - self.job.started
        self._zero_fixed.set()
        if self.job.load.shape_name == SOAK:
            self._scraper = Scraper(self.job, self._add_gauges)

    @property
    def _past(self) -> list[WorkerCounts]:
        """What was counted before the soak was resumed."""
        return self._soak.past if self._soak is not None else []

    def _add_gauges(self, gauges: Mapping[str, float]) -> None:
        since_zero = time.monotonic() - self.job.started - self._t0
        if since_zero >= 0 and self._soak is not None:
            self._soak.append({"t": round(since_zero, 3), "gauges": gauges})

    def add_counts(self, i: int, counts: WorkerCounts, side: int = 0) -> None:
        """Take the latest counts of worker `i`; `side` 1 are those of the baseline."""
        if self._is_closed:
            return
        part = self._sides[side]
        if counts.problem is not None:
            self._give_up(f"{part.workers.describe(i)} cannot take part: {counts.problem}")
            return
        part.workers.add(i, counts)
        part.gone = part.gone or part.workers.gone
        if side:
            return  # the series and the slices are those of the endpoint itself
        for line in counts.series:
            self._run_dir.append(SERIES, line)
            if self.job.load.shape_name == STRESS:
                self._lines_after.append(line)
        if self._soak is not None and counts.slices:
            self._soak.add_slices(i, counts)

    def finish(self) -> None:
        """Write the result, print what it means, and set locust's exit status by it; further calls do nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._names and not self._have_ended() and len(self._list_missing()) == len(self._names):
            self.problem = self.problem or _describe_end(self._workers)  # then locust has ended the test
        self._zero_fixed.set()
        for part in (self._scraper, self._page):
            if part is not None:
                part.stop()
        self._write_result()
        if self._live is not None:
            self._live.clear()
        if not locust_options.is_gate_child():
            self.environment.process_exit_code = standalone.print_summary(self.job)
        else:
            self.environment.process_exit_code = 21 if self.problem else 0
        gevent.spawn(end_test, self.environment)

    def _give_up(self, problem: str) -> None:
        self.problem = self.problem or problem
        self._zero_fixed.set()

    def _list_missing(self) -> list[int]:
        """The workers of which locust hears no heartbeat."""
        clients: Any = getattr(self.environment.runner, "clients", {})
        return [i for i, name in enumerate(self._names) if name in clients and clients[name].state == STATE_MISSING]

    def _sum_counts(self) -> WorkerCounts:
        return sum_counts([*self._past, self._sides[0].counts])

    def _have_ended(self) -> bool:
        return all(side.workers.have_ended for side in self._sides)

    def _make_result(self, side: _Side, counts: WorkerCounts) -> LoadResult:
        finished = side.workers.have_ended or self._has_ended_early
        counts, shares = replace(counts, gone=side.gone), side.workers.list_shares()
        result = make_load_result(side.job, counts, self._t0, finished=finished, problem=self.problem, workers=shares)
        return replace(result, saturation=side.saturation)

    @property
    def _has_ended_early(self) -> bool:
        """Whether nothing more can be learnt of the endpoint."""
        return self._sides[0].gone is not None or self._sides[0].saturation is not None

    def _watch_queue(self, result: LoadResult) -> None:
        """End the load if requests in flight only become more, and what it was to show is certain."""
        job = self.job
        seconds = time.monotonic() - job.started - self._t0
        if not job.stops or self._is_closed or not 0 < seconds < job.load.duration:
            return
        self._queue.append((seconds, job.load.curve.count_until(seconds) - result.completed))
        growth = measure_growth(self._queue)
        is_certain = any(sum(result.blocks[metric].over_limit(limit)) >= n for metric, limit, n in job.stops)
        if growth and is_certain and not result.client_bound:
            self._sides[0].saturation = Saturation(seconds, growth)

    def _write_result(self) -> None:
        result = self._make_result(self._sides[0], self._sum_counts())
        self._watch_queue(result)
        if self._soak is not None:
            shorten_statistics(self.environment.stats)
            if self._is_closed:
                result = replace(result, soak=self._soak.make_record(finished=result.finished))
        if self._is_closed and self._lines_after:
            result = replace(result, recovery=self._describe_recovery())
        if len(self._sides) > 1:
            result = self._compare(result)
        self._run_dir.write(f"load/{self.job.load.scenario}.json", msgspec.json.encode(result))
        if self._live is not None and self._zero_fixed.is_set() and not self._is_closed:
            elapsed = time.monotonic() - self.job.started - self._t0
            if self.job.turns is not None:
                elapsed = self.job.turns.find_scheduled(elapsed)
            state = _make_state(result)
            if result.baseline is not None:
                state = replace(state, baseline=_make_state(result.baseline))
            self._live.show(describe_live_load(state, self.job.load, elapsed), elapsed)

    def _describe_recovery(self) -> str:
        """When the service kept the smallest limit on each time again, after the peak of a stress."""
        limits = {metric: min(values) for metric, values in self.job.limits.items() if values}
        peak_end = self._t0 + self.job.load.peak_end
        return measure_recovery(self._lines_after, peak_end, limits).describe()

    def _compare(self, result: LoadResult) -> LoadResult:
        """The result with the baseline's beside it, and at the end with every metric of both."""
        ours, theirs = self._sides
        result = replace(
            result, baseline=self._make_result(theirs, theirs.counts), baseline_url=theirs.job.endpoint.url
        )
        if not self._is_closed:
            return result
        has_limits = any(self.job.limits.values())
        pairs = count_pairs(self.job.load)
        return replace(result, contrasts=make_contrasts(ours.counts, theirs.counts, pairs, has_limits=has_limits))

    def _watch_workers(self) -> None:
        self._zero_fixed.wait()
        since_writing = 0.0
        while not (self._have_ended() or self._has_ended_early or self.problem or self._is_closed):
            gevent.sleep(_LOOK)
            for side in self._sides:
                side.workers.pass_time(_LOOK)
            if len(self._workers.list_lost()) == len(self._workers):
                self._give_up(_describe_end(self._workers))
            since_writing += _LOOK
            if since_writing >= _WRITING_INTERVAL:
                since_writing = 0.0
                self._write_result()
        if not self._is_closed:
            end_test(self.environment)


def _describe_end(workers: WorkerTable) -> str:
    names = ", ".join(map(workers.describe, range(len(workers))))
    return f"all load workers died or stood still: {names}"


def _make_state(result: LoadResult) -> LoadState:
    return LoadState(result.intended, result.sent, result.completed, result.failed, result.figures)


def end_test(environment: Environment) -> None:
    """End locust; with its web page, which can start another test, only the test."""
    runner, options = environment.runner, environment.parsed_options
    if runner is None:
        return
    if options is None or options.headless:
        runner.quit()
    else:
        runner.stop()


def encode_job(job: Job) -> dict[str, Any]:
    """A job for other machines: no credentials, no header lines, no proxy, no files; times of the system's clock."""
    bare = Endpoint(job.endpoint.url)
    endpoint = _take_own(job.endpoint, bare)
    since = time.time() - (time.monotonic() - job.started)
    has_key = job.endpoint.credentials is not None
    baseline = None if job.baseline is None else _take_own(job.baseline, bare)
    plain = replace(job, endpoint=endpoint, baseline=baseline, run_dir="")
    path = find_slow_path(job.endpoint)
    return {"job": msgspec.json.encode(plain), "since": since, "keyed": has_key, "path": path}


def _take_own(endpoint: Endpoint, own: Endpoint) -> Endpoint:
    """The endpoint with what belongs to the machine that sends: secrets, files and proxy."""
    return replace(
        endpoint,
        credentials=own.credentials,
        headers=own.headers,
        tls=own.tls,
        proxy=own.proxy,
        signer=own.signer,
    )


def decode_job(message: dict[str, Any], host: str | None) -> Job:
    """The job in a message of `encode_job`, with this machine's own secrets, files and proxy.

    Raises `UsageError` where those are missing, or belong to another endpoint than the master's.
    """
    job = msgspec.json.decode(message["job"], type=Job)
    gate_job = locust_options.read_job()
    own = standalone.read_own_endpoint(host, job.endpoint) if gate_job is None else gate_job.endpoint
    if message["keyed"] and own.credentials is None:
        raise UsageError("the master has a key for the endpoint and it has none: set the same environment variable")
    if own.url != job.endpoint.url and (own.credentials or own.headers or own.signer):
        raise UsageError(f"its key is for {own.url}, and the master sends to {job.endpoint.url}")
    endpoint = _take_own(job.endpoint, own)
    if (path := find_slow_path(endpoint)) != message["path"]:
        paths = f"here {path or 'nothing is special'}, there {message['path'] or 'nothing is special'}"
        raise UsageError(f"it does not reach the endpoint as the master does ({paths}): give both the same [endpoint]")
    if job.baseline is not None:
        job = replace(job, baseline=_take_own(job.baseline, own))
    return replace(job, endpoint=endpoint, started=time.monotonic() - (time.time() - message["since"]))
