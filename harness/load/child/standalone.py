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

from harness.config.options import Options
from harness.config.resolve import resolve_settings
from harness.core.endpoint import Endpoint
from harness.core.errors import UsageError
from harness.core.load import Job, LoadResult
from harness.core.objective import Objective
from harness.core.plan import PlannedCheck
from harness.core.settings import LoadSettings, Settings
from harness.core.verdict import Level, Status, Verdict, find_worst_status, make_error
from harness.io.rundir import RunDir
from harness.load.counts import get_result_path
from harness.load.judging import judge_errors, judge_failures, judge_load
from harness.load.preflight_process import PreflightRequest, PreflightResult
from harness.load.run_load import collect_limits

_EXIT_STATUS = {Status.PASS: 0, Status.FAIL: 1, Status.INCONCLUSIVE: 20, Status.ERROR: 21}
_PREFLIGHT_SECONDS = 60.0
"""Seconds past the endpoint's total deadline that the preflight may take."""

_SUITE = "load"
"""The suite whose endpoint and objectives count for locust started by hand."""

_objectives: list[Objective] = []


def make_job(environment: Environment) -> Job:
    """The job that command line and aiharness.toml describe. Raises `UsageError`, `RunDirError`."""
    options: Any = environment.parsed_options
    settings = _read_settings(environment.host, options.protocol, options.model)
    load = _read_load(settings, options)
    _objectives[:] = settings.objectives
    stream = options.stream or any(objective.streamed for objective in settings.objectives)
    promised = settings.promises.deterministic
    preflight = _run_preflight(PreflightRequest(settings.endpoint_of(_SUITE), stream, promised, load, options.seed))
    return Job(
        preflight.endpoint,
        (preflight.request,),
        load,
        str(RunDir.create(options.run_dir or None, preflight.endpoint.list_secrets()).path),
        time.monotonic(),
        collect_limits(settings.objectives),
        preflight.reference.content,
        preflight.reference.has_text,
        options.seed,
        _SUITE,
        preflight.material,
    )


def _read_load(settings: Settings, options: Any) -> LoadSettings:
    """The load of the configuration with what the command line changes. Raises `UsageError`."""
    given: dict[str, Any] = {}
    for name in ("rate", "duration", "warm_up"):
        value = getattr(options, name)
        if value in (None, ""):  # locust's web page gives texts, empty ones too
            continue
        try:
            given[name] = float(value)
        except ValueError as problem:
            raise UsageError(f"rate, duration and warm-up are numbers: {problem}") from None
    if options.arrivals:
        given["arrivals"] = options.arrivals
    scenario = Path(options.locustfile).stem
    load = replace(settings.load or LoadSettings(), scenario=scenario, concurrency=options.num_users, **given)
    if not 0 <= load.warm_up < load.duration:
        if "warm_up" in given:
            raise UsageError(f"--warm-up {load.warm_up:g} must be from 0 to under the duration of {load.duration:g} s")
        load = replace(load, warm_up=load.duration / 10)
    ceiling = settings.ceilings.requests
    if ceiling is not None and load.rate * load.duration > ceiling:
        raise UsageError(
            f"{load.rate * load.duration:g} requests are over max_requests = {ceiling}: lower the rate or the duration"
        )
    return load


def read_own_endpoint(host: str | None, masters: Endpoint) -> Endpoint:
    """The endpoint as this machine's environment and aiharness.toml describe it, with its own credentials."""
    return _read_settings(host or masters.url, masters.protocol, masters.model).endpoint_of(_SUITE)


def _read_settings(host: str | None, protocol: str | None, model: str | None) -> Settings:
    options = Options(suites=(_SUITE,), endpoint=host or None, protocol=protocol or None, model=model or None)
    return resolve_settings(options, os.environ, [Path.cwd()])


def print_summary(job: Job) -> int:
    """Print the figures of the load and the verdicts of its objectives; return locust's exit status."""
    path = get_result_path(Path(job.run_dir), job.load.scenario)
    result = msgspec.json.decode(path.read_bytes(), type=LoadResult)
    _print_figures(job, result)
    blockers = sum(objective.level is Level.BLOCKER for objective in _objectives)
    deciding = [_judge_completeness(result)]
    if result.finished:
        deciding += [judge_failures(result, _objectives), judge_errors(result, compares=True)]
    for verdict in deciding:
        if verdict.status is not Status.PASS:
            _print(f"  {verdict.status} {verdict.reason}")
    for objective in _objectives:
        alpha = objective.alpha / max(1, blockers)
        check = PlannedCheck(objective.slug, objective.suite, objective.level, objective.text, alpha_fail=alpha)
        verdict = judge_load(result, objective, check)
        _print(f"  {verdict.status} {objective.text}: {verdict.reason}")
        if objective.level is Level.BLOCKER:
            deciding.append(verdict)
    for reason in (*result.client_bound, *result.late):
        _print(f"ai load: client-bound: {reason}")
    if result.problem:
        _print(f"ai load: {result.problem}")
    if result.gone:
        _print(f"ai load: ended early: {result.gone}")
    _print(f"ai load: result in {path}")
    return _EXIT_STATUS[find_worst_status([verdict.status for verdict in deciding])]


def _print(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _print_figures(job: Job, result: LoadResult) -> None:
    generator, failed = result.generator, result.failed / max(1, result.completed)
    _print(
        f"\nai load: {result.sent} of {result.intended} requests sent, {result.completed} ended, {failed:.2%} failed"
    )
    _print(f"ai load: {result.distinct:.0%} distinct requests: {result.workload}")
    for error_class, count in result.errors.items():
        _print(f"  {count} x {error_class}")
    lag, cpu = (generator.lag_p99 or 0) * 1e3, (generator.cpu or 0) * 100
    _print(
        f"ai load: {generator.achieved_rate or 0:.4g} of {job.load.rate:g} requests/s, "
        f"sent late by {lag:.3g} ms at p99, {cpu:.0f} % of a core"
    )


def _judge_completeness(result: LoadResult) -> Verdict:
    """Whether the whole load was sent and answered, whatever the objectives say."""
    if result.problem:
        return make_error(result.problem)
    if not result.finished or result.completed < result.intended or result.client_bound:
        return Verdict(Status.INCONCLUSIVE, "not every request was sent and judged in time")
    return Verdict(Status.PASS, "every request was sent and judged")


def _run_preflight(request: PreflightRequest) -> PreflightResult:
    command = [sys.executable, "-m", "harness.load.preflight_process"]
    patience = request.endpoint.deadlines.total + _PREFLIGHT_SECONDS
    try:
        process = subprocess.run(
            command, input=msgspec.json.encode(request), capture_output=True, timeout=patience, check=False
        )
    except subprocess.TimeoutExpired:
        raise UsageError(f"the preflight of {request.endpoint.url} did not end within {patience:g} s") from None
    if process.returncode:
        last_line = process.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise UsageError(last_line or f"the preflight of {request.endpoint.url} ended with {process.returncode}")
    return msgspec.json.decode(process.stdout, type=PreflightResult)
