"""A load without the gate: `locust -f`, its run directory, its summary and its exit status."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
from locust.env import Environment

from harness.config.resolve import Options, resolve_settings
from harness.core.endpoint import Endpoint
from harness.core.errors import UsageError
from harness.core.load import Job, LoadResult
from harness.core.objective import Objective
from harness.core.plan import PlannedCheck
from harness.core.settings import LoadSettings, Settings
from harness.core.verdict import Level, Status, Verdict, find_worst_status, make_error
from harness.io.rundir import RunDir
from harness.load.counts import get_result_path
from harness.load.run_load import STREAMED, collect_limits, judge_load
from harness.load.warm_up_probe import PreflightRequest, PreflightResult

_EXIT_STATUS = {Status.PASS: 0, Status.FAIL: 1, Status.INCONCLUSIVE: 20, Status.ERROR: 21}
_PREFLIGHT_SECONDS = 60.0
"""Seconds past the endpoint's total deadline that the preflight may take."""

_objectives: list[Objective] = []


def make_job(environment: Environment) -> Job:
    """The job that command line and aiharness.toml describe. Raises `UsageError`, `RunDirError`."""
    options: Any = environment.parsed_options
    found = _settings(environment.host, options.protocol, options.model)
    try:
        # A web page gives text, also none.
        asked = {name: getattr(options, name) for name in ("rate", "duration", "warm_up")}
        given: dict[str, Any] = {name: float(value) for name, value in asked.items() if value not in (None, "")}
    except ValueError as problem:
        raise UsageError(f"rate, duration and warm-up are numbers: {problem}") from None
    load = replace(found.load or LoadSettings(), concurrency=options.num_users, **given)
    if not 0 <= load.warm_up < load.duration:
        if "warm_up" in given:
            raise UsageError(f"--warm-up {load.warm_up:g} must be from 0 to under the duration of {load.duration:g} s")
        load = replace(load, warm_up=load.duration / 10)
    if found.ceilings.requests is not None and load.rate * load.duration > found.ceilings.requests:
        raise UsageError(f"{load.rate * load.duration:g} requests are over max_requests = {found.ceilings.requests}")
    _objectives[:] = found.objectives
    stream = options.stream or any(o.metric in STREAMED for o in found.objectives)
    ready = _probe(PreflightRequest(found.endpoint_of("load"), stream))
    folder = RunDir.create(options.run_dir or None, ready.endpoint.list_secrets()).path
    limits = collect_limits(found.objectives)
    return Job(
        ready.endpoint, (ready.request,), load, str(folder), time.monotonic(), limits, options.arrivals, options.seed
    )


def read_own_endpoint(host: str | None, masters: Endpoint) -> Endpoint:
    """The endpoint as this machine's environment and aiharness.toml describe it, with its own credentials."""
    return _settings(host or masters.url, masters.protocol, masters.model).endpoint_of("load")


def _settings(host: str | None, protocol: str | None, model: str | None) -> Settings:
    asked = Options(suites=("load",), endpoint=host or None, protocol=protocol or None, model=model or None)
    return resolve_settings(asked, os.environ, [Path.cwd()])


def print_summary(job: Job) -> int:
    """Print the summary and the verdicts; the exit status that they mean."""
    path = get_result_path(Path(job.run_dir), job.load.scenario)
    result = msgspec.json.decode(path.read_bytes(), type=LoadResult)
    made, share = result.generator, result.failed / max(1, result.completed)
    say = sys.stderr.write
    say(f"\nai load: {result.sent} of {result.intended} requests sent, {result.completed} ended, {share:.2%} failed\n")
    for kind, count in result.errors.items():
        say(f"  {count} x {kind}\n")
    say(f"ai load: {made.achieved_rate or 0:.4g} of {job.load.rate:g} requests/s, ")
    say(f"sends late by p99 {(made.lag_p99 or 0) * 1e3:.3g} ms, {(made.cpu or 0) * 100:.0f} % of a core\n")
    blockers = [o for o in _objectives if o.level is Level.BLOCKER]
    m = max(1, len(blockers))
    checks = [PlannedCheck(o.slug, o.suite, o.level, o.text, alpha_fail=o.alpha / m) for o in _objectives]
    found = [(o, judge_load(result, o, check)) for o, check in zip(_objectives, checks, strict=True)]
    for objective, verdict in found:
        say(f"  {verdict.status} {objective.text}: {verdict.reason}\n")
    for reason in result.client_bound:
        say(f"ai load: client-bound: {reason}\n")
    if result.problem:
        say(f"ai load: {result.problem}\n")
    if result.gone:
        say(f"ai load: ended early: {result.gone}\n")
    say(f"ai load: result in {path}\n")
    return _EXIT_STATUS[
        find_worst_status([_whole(result).status, *(verdict.status for o, verdict in found if o in blockers)])
    ]


def _whole(result: LoadResult) -> Verdict:
    """Whether there is anything to judge by, apart from objectives."""
    if result.problem:
        return make_error(result.problem)
    if result.gone:
        return Verdict(Status.FAIL, result.gone)
    if not result.finished or result.completed < result.intended or result.client_bound:
        return Verdict(Status.INCONCLUSIVE, "not every request was sent and judged in time")
    return Verdict(Status.PASS, "every request was sent and judged")


def _probe(question: PreflightRequest) -> PreflightResult:
    command = [sys.executable, "-m", "harness.load.warm_up_probe"]
    patience = question.endpoint.deadlines.total + _PREFLIGHT_SECONDS
    try:
        done = subprocess.run(
            command, input=msgspec.json.encode(question), capture_output=True, timeout=patience, check=False
        )
    except subprocess.TimeoutExpired:
        raise UsageError(f"the preflight of {question.endpoint.url} did not end within {patience:g} s") from None
    if done.returncode:
        raise UsageError(done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2] or "the preflight broke")
    return msgspec.json.decode(done.stdout, type=PreflightResult)
