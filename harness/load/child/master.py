"""The master's part of a load, of one process or many: hand the job out, add up the counts, end the test."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import gevent
import msgspec
from gevent.event import Event
from locust.env import Environment

from harness.core.arrival_settings import SOAK
from harness.core.endpoint import TLS
from harness.core.errors import UsageError
from harness.core.load import Job
from harness.io.rundir import SERIES, RunDir
from harness.load.child import locust_options, standalone
from harness.load.child.stats_rows import shorten_statistics
from harness.load.counts import WorkerCounts, sum_counts
from harness.load.load_result import get_result_path, make_load_result
from harness.load.recorder import Recorder
from harness.load.slices import SLICES_SUFFIX, get_slices_path
from harness.load.soak_record import make_soak_record, read_lines

_SILENT, _LOOK = 3.0, 0.1
"""Seconds without a message after which a worker is lost (one comes every second), and between two looks."""


class LoadMaster:
    """Adds up the counts of all workers and writes the result every second. Ends the test when every worker has
    finished or finds the service gone, or one is lost.
    """

    def __init__(self, environment: Environment, job: Job, workers: int) -> None:
        self.job, self.environment = job, environment
        self.problem: str | None = None
        self._workers, self._t0 = workers, 0.0
        self._counts: dict[int, WorkerCounts] = {}
        self._silent_seconds = [0.0] * workers
        self._run_dir = RunDir(Path(job.run_dir), job.endpoint.list_secrets())
        get_result_path(self._run_dir.path, job.load.scenario).parent.mkdir(exist_ok=True)
        self._slices_name = f"load/{job.load.scenario}{SLICES_SUFFIX}"
        self._zero_fixed, self._is_closed = Event(), False
        self._gone: str | None = None
        gevent.spawn(self._watch_workers)

    @property
    def is_finished(self) -> bool:
        """Whether every worker has sent and read everything."""
        return len(self._counts) == self._workers and all(counts.finished for counts in self._counts.values())

    @property
    def has_begun(self) -> bool:
        """Whether the schedule's zero is fixed, or never will be."""
        return bool(self._zero_fixed.is_set())

    def begin(self, at: float) -> None:
        """The schedule begins `at` this time of the system's clock."""
        self._t0 = at - time.time() + time.monotonic() - self.job.started
        self._zero_fixed.set()

    def add_counts(self, i: int, counts: WorkerCounts) -> None:
        """Take the latest counts of worker `i`."""
        if self._is_closed:
            return
        if counts.problem is not None:
            self.problem = f"load worker {i + 1} of {self._workers} cannot take part: {counts.problem}"
            self._zero_fixed.set()
            return
        self._counts[i], self._silent_seconds[i] = counts, 0.0
        if len(self._counts) == self._workers and all(known.gone for known in self._counts.values()):
            self._gone = self._gone or counts.gone
        for line in counts.series:
            self._run_dir.append(SERIES, line)
        for line in counts.slices:
            self._run_dir.append(self._slices_name, line)
        if i == 0:
            self._write_result()

    def finish(self) -> None:
        """Write the result, print what it means, and set locust's exit status by it; further calls do nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        self._zero_fixed.set()
        self._write_result()
        if not locust_options.is_gate_child():
            self.environment.process_exit_code = standalone.print_summary(self.job)
        else:
            self.environment.process_exit_code = 21 if self.problem else 0

    def _write_result(self) -> None:
        counts = sum_counts(list(self._counts.values()) or [Recorder(self.job).counts])
        finished = self.is_finished or self._gone is not None
        counts = replace(counts, gone=self._gone)
        result = make_load_result(self.job, counts, self._t0, finished=finished, problem=self.problem)
        if self.job.load.shape_name == SOAK:
            shorten_statistics(self.environment.stats)
            if self._is_closed:
                lines = read_lines(get_slices_path(self._run_dir.path, self.job.load.scenario))
                result = replace(result, soak=make_soak_record(lines, self.job.load))
        self._run_dir.write(f"load/{self.job.load.scenario}.json", msgspec.json.encode(result))

    def _watch_workers(self) -> None:
        self._zero_fixed.wait()
        while not (self.is_finished or self._gone or self.problem or self._is_closed):
            gevent.sleep(_LOOK)
            for i, seconds in enumerate(self._silent_seconds):
                counts = self._counts.get(i)
                has_finished = counts is not None and counts.finished
                self._silent_seconds[i] = 0.0 if has_finished else seconds + _LOOK
            lost = [i for i, seconds in enumerate(self._silent_seconds) if seconds > _SILENT]
            if lost:
                self.problem = f"load worker {lost[0] + 1} of {self._workers} died: no message for {_SILENT:g} s"
        if not self._is_closed:
            end_test(self.environment)


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
    """A job for other machines: no credentials, no header lines, no files; times of the system's clock."""
    endpoint = replace(job.endpoint, credentials=None, headers=(), tls=TLS())
    since = time.time() - (time.monotonic() - job.started)
    has_key = job.endpoint.credentials is not None
    return {"job": msgspec.json.encode(replace(job, endpoint=endpoint, run_dir="")), "since": since, "keyed": has_key}


def decode_job(message: dict[str, Any], host: str | None) -> Job:
    """The job in a message of `encode_job`, with this machine's own credentials, header lines and TLS files.

    Raises `UsageError` where those are missing, or belong to another endpoint than the master's.
    """
    job = msgspec.json.decode(message["job"], type=Job)
    gate_job = locust_options.read_job()
    own = standalone.read_own_endpoint(host, job.endpoint) if gate_job is None else gate_job.endpoint
    if message["keyed"] and own.credentials is None:
        raise UsageError("the master has a key for the endpoint and it has none: set the same environment variable")
    if own.url != job.endpoint.url and (own.credentials or own.headers):
        raise UsageError(f"its key is for {own.url}, and the master sends to {job.endpoint.url}")
    endpoint = replace(job.endpoint, credentials=own.credentials, headers=own.headers, tls=own.tls)
    return replace(job, endpoint=endpoint, started=time.monotonic() - (time.time() - message["since"]))
