"""The master's part of a load, of one process or many: hand the job out, gather the counts, end the test."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import gevent  # type: ignore[import-untyped]
import msgspec
from gevent.event import Event  # type: ignore[import-untyped]
from locust.env import Environment

from harness.core.endpoint import TLS
from harness.core.errors import UsageError
from harness.core.load import Job
from harness.io.rundir import SERIES, RunDir
from harness.load.child import locust_options, standalone
from harness.load.counts import WorkerCounts, get_result_path, make_load_result, sum_counts
from harness.load.recorder import Recorder

_SILENT, _LOOK = 3.0, 0.1
"""Seconds without news after which a worker is lost (they come every second), and between two looks."""


class LoadMaster:
    """All shares of one load. Ends the test when all are over, or a worker is lost; writes the result every second."""

    def __init__(self, environment: Environment, job: Job, count: int) -> None:
        self.job, self.environment = job, environment
        self.problem: str | None = None
        self._count, self._t0 = count, 0.0
        self._shares: dict[int, WorkerCounts] = {}
        self._silent = [0.0] * count
        self._run_dir = RunDir(Path(job.run_dir), job.endpoint.list_secrets())
        get_result_path(self._run_dir.path, job.load.scenario).parent.mkdir(exist_ok=True)
        self._begun, self._closed = Event(), False
        gevent.spawn(self._watch)

    @property
    def over(self) -> bool:
        """Whether every process has come to its end."""
        return len(self._shares) == self._count and all(share.over for share in self._shares.values())

    @property
    def begun(self) -> bool:
        """Whether T0 is fixed, or will never be."""
        return bool(self._begun.is_set())

    def begin(self, at: float) -> None:
        """T0 is fixed: a time of the system's clock."""
        self._t0 = at - time.time() + time.monotonic() - self.job.started
        self._begun.set()

    def take(self, i: int, share: WorkerCounts) -> None:
        """News of process i."""
        if self._closed:
            return
        if share.problem is not None:
            self.problem = f"load worker {i + 1} of {self._count} cannot take part: {share.problem}"
            self._begun.set()
            return
        self._shares[i], self._silent[i] = share, 0.0
        for line in share.lines:
            self._run_dir.append(SERIES, line)
        if i == 0:
            self._write()

    def finish(self) -> None:
        """Write the result, say what it means, and set locust's exit status by it; once."""
        if self._closed:
            return
        self._closed = True
        self._begun.set()
        self._write()
        status = standalone.print_summary(self.job) if not locust_options.is_child() else 21 if self.problem else 0
        self.environment.process_exit_code = status

    def _write(self) -> None:
        share = sum_counts(list(self._shares.values()) or [Recorder(self.job).share])
        result = make_load_result(self.job, share, self._t0, finished=self.over, problem=self.problem)
        self._run_dir.write(f"load/{self.job.load.scenario}.json", msgspec.json.encode(result))

    def _watch(self) -> None:
        self._begun.wait()
        while not (self.over or self.problem or self._closed):
            gevent.sleep(_LOOK)
            for i, silent in enumerate(self._silent):
                share = self._shares.get(i)
                self._silent[i] = 0.0 if share is not None and share.over else silent + _LOOK
            lost = [i for i, silent in enumerate(self._silent) if silent > _SILENT]
            if lost:
                self.problem = f"load worker {lost[0] + 1} of {self._count} died: it said nothing for {_SILENT:g} s"
        runner, options = self.environment.runner, self.environment.parsed_options
        if runner is not None and not self._closed:
            runner.quit() if options is None or options.headless else runner.stop()


def encode_job(job: Job) -> dict[str, Any]:
    """A job for other machines: no credentials, no header lines, no files; times of the system's clock."""
    endpoint = replace(job.endpoint, credentials=None, headers=(), tls=TLS())
    since = time.time() - (time.monotonic() - job.started)
    keyed = job.endpoint.credentials is not None
    return {"job": msgspec.json.encode(replace(job, endpoint=endpoint, run_dir="")), "since": since, "keyed": keyed}


def decode_job(data: dict[str, Any], host: str | None) -> Job:
    """The job that `handed` wrote, with this machine's own credentials, header lines and TLS files.

    Raises `UsageError` where those are missing, or are meant for another endpoint than the master's.
    """
    job = msgspec.json.decode(data["job"], type=Job)
    given = locust_options.read_job()
    own = given.endpoint if given is not None else standalone.read_own_endpoint(host, job.endpoint)
    if data["keyed"] and own.credentials is None:
        raise UsageError("the master has a key for the endpoint and it has none: set the same environment variable")
    if own.url != job.endpoint.url and (own.credentials or own.headers):
        raise UsageError(f"its key is for {own.url}, and the master sends to {job.endpoint.url}")
    endpoint = replace(job.endpoint, credentials=own.credentials, headers=own.headers, tls=own.tls)
    return replace(job, endpoint=endpoint, started=time.monotonic() - (time.time() - data["since"]))
