"""A load without the gate: `locust -f`, its run directory, its summary and its exit status."""

from __future__ import annotations

import math
import os
import shlex
import shutil
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
from harness.config.suite_sections import read_times
from harness.core.endpoint import Endpoint
from harness.core.errors import HarnessError, UsageError
from harness.core.load import Job, LoadResult, describe_time
from harness.core.load_settings import LoadSettings
from harness.core.settings import Settings
from harness.core.workload import Spread
from harness.io.rundir import RunDir
from harness.load.checkpoint import Checkpoint, get_checkpoint_path, read_checkpoint
from harness.load.child import locust_options
from harness.load.load_result import get_result_path
from harness.load.preflight_process import PreflightRequest, PreflightResult
from harness.load.run_load import collect_limits
from harness.load.second_endpoint import add_baseline, refuse_whole_loads
from harness.run.gate_run import GateRun
from harness.run.terminal_lines import format_summary

_PREFLIGHT_SECONDS = 60.0
"""Seconds past the endpoint's total deadline that the preflight may take."""

_SUITE = "load"
"""The suite whose endpoint and objectives count for locust started by hand."""

_runs: dict[str, GateRun] = {}
"""The planned run of each load under way, by its folder."""


def make_job(environment: Environment) -> Job:
    """The job that command line and aiharness.toml describe. Raises `HarnessError`."""
    from harness.load.child.saved_load import plan_load

    options: Any = environment.parsed_options
    settings = _read_settings(environment.host, options.protocol, options.model)
    shapes = [getattr(user_class, "shape", "") for user_class in environment.user_classes]
    load = _read_load(settings, options, max(shapes, default=""))
    settings = replace(settings, baseline=options.baseline or None)
    run = plan_load(settings, _SUITE, load)
    stream = options.stream or any(objective.streamed for objective in settings.objectives)
    promised = settings.promises.deterministic
    endpoint, second = settings.endpoint_of(_SUITE), run.baseline_url or ""
    if second:
        refuse_whole_loads(load)
    preflight = _run_preflight(PreflightRequest(endpoint, stream, promised, load, options.seed, second))
    secrets = preflight.endpoint.list_secrets()
    if options.resume:
        checkpoint = read_checkpoint(Path(options.resume), load.scenario)
        run_dir, started = RunDir(Path(options.resume).absolute(), secrets), _place_start(checkpoint)
    else:
        checkpoint, run_dir, started = None, RunDir.create(options.run_dir or None, secrets), time.monotonic()
    job = _build_job(preflight, load, settings, run_dir, started, options.seed)
    if checkpoint is not None:
        checkpoint.check(job)
        checkpoint.clear_traces(run_dir.path)
        job = replace(job, first=checkpoint.reached)
    run.adopt(run_dir, preflight.preflight, started)
    _runs[str(run_dir.path)] = run
    return add_baseline(job, replace(job.endpoint, url=second)) if second else job


def _place_start(checkpoint: Checkpoint) -> float:
    """The start of a run that goes on, on the monotonic clock of now."""
    return time.monotonic() - max(0.0, time.time() - checkpoint.started_epoch)


def _build_job(
    preflight: PreflightResult, load: LoadSettings, settings: Settings, run_dir: RunDir, started: float, seed: int
) -> Job:
    return Job(
        preflight.endpoint,
        (preflight.request,),
        load,
        str(run_dir.path),
        started,
        collect_limits(settings.objectives),
        preflight.reference.content,
        preflight.reference.has_text,
        seed,
        _SUITE,
        preflight.material,
        preflight.controlled.known,
        preflight.controlled.echo,
    )


def _read_load(settings: Settings, options: Any, shape: str) -> LoadSettings:
    """The load of the configuration with what the command line changes; `shape` is the scenario's own, if it has one.

    Raises `UsageError`.
    """
    given = _read_given(options)
    if shape:
        given["shape"] = shape
    scenario = Path(options.locustfile).stem
    load = replace(settings.load or LoadSettings(), scenario=scenario, concurrency=options.num_users, **given)
    for name in ("rate", "duration"):
        if not 0 < getattr(load, name) < math.inf:
            raise UsageError(f"--{name} must be over 0, got {getattr(load, name):g}")
    if not 0 <= load.warm_up < load.duration:
        if "warm_up" in given:
            raise UsageError(f"--warm-up {load.warm_up:g} must be from 0 to under the duration of {load.duration:g} s")
        load = replace(load, warm_up=load.duration / 10)
    if load.dataset is not None and {"dataset", "duration", "speed"} & given.keys():
        load = replace(load, times=[])  # they are read again
    if wrong := load.find_metrics_problem() or load.find_schedule_problem() or load.find_workload_problem():
        raise UsageError(f"--{wrong[0].replace('_', '-')}: {wrong[1]}")
    load = read_times(load)
    ceiling = settings.ceilings.requests
    if ceiling is not None and load.requests > ceiling:
        raise UsageError(f"{load.requests} requests are over max_requests = {ceiling}: lower the rate or the duration")
    return load


def _read_given(options: Any) -> dict[str, Any]:
    """The settings that the command line or the form of the web page gives. Raises `UsageError`."""
    given: dict[str, Any] = _read_run_time(options)
    for name in locust_options.NUMBERS:
        value = getattr(options, name)
        if value in (None, ""):  # locust's web page gives texts, empty ones too
            continue
        try:
            given[name] = locust_options.parse_option(name, value)
        except ValueError as problem:
            raise UsageError(f"{name.replace('_', '-')} is not a valid number: {problem}") from None
    names = ("arrivals", "shape", "dataset", "workload", "metrics")
    given |= {name: getattr(options, name) for name in names if getattr(options, name)}
    given |= {name: _make_constant(given[name]) for name in ("session_turns", "think") if name in given}
    if "pauses" in given:
        if given["pauses"] != int(given["pauses"]):
            raise UsageError(f"pauses is not a valid number of pauses: {given['pauses']:g}; give a whole one")
        given["pauses"] = int(given["pauses"])
    if options.steps:
        given["steps"] = _read_steps(options.steps)
    return given


def _make_constant(value: float) -> Spread:
    """The distribution of which this is the only value."""
    return Spread(mean=value) if value > 0 else Spread(max=value)


def _read_steps(text: str) -> list[float]:
    try:
        return [float(rate) for rate in text.split(",")]
    except ValueError:
        raise UsageError(f"steps are rates with commas between them, such as 5,10,20; got {text!r}") from None


def _read_run_time(options: Any) -> dict[str, float]:
    """Locust's own `-t`, as the duration. Raises `UsageError` where it is another than `--duration`."""
    seconds = options.run_time
    if not seconds:
        return {}
    if not (options.headless or options.autostart):
        raise UsageError("leave locust's run time empty: duration sets the length of the load")
    if options.duration not in (None, "", seconds):
        raise UsageError(f"-t {seconds:g} s and --duration {options.duration:g} both set the length: give one of them")
    return {"duration": float(seconds)}


def read_own_endpoint(host: str | None, masters: Endpoint) -> Endpoint:
    """The endpoint as this machine's environment and aiharness.toml describe it, with its own credentials."""
    return _read_settings(host or masters.url, masters.protocol, masters.model).endpoint_of(_SUITE)


def _read_settings(host: str | None, protocol: str | None, model: str | None) -> Settings:
    options = Options(suites=(_SUITE,), endpoint=host or None, protocol=protocol or None, model=model or None)
    return resolve_settings(options, os.environ, [Path.cwd()])


def print_summary(job: Job) -> int:
    """Judge the load, print its figures and the decision, and return locust's exit status."""
    from harness.load.child.saved_load import judge_run

    path = get_result_path(Path(job.run_dir), job.load.scenario)
    result = msgspec.json.decode(path.read_bytes(), type=LoadResult)
    _print_requests(job, result)
    run = _runs.pop(job.run_dir)
    report = judge_run(run, result)
    terminal = sys.stderr.isatty()
    width = shutil.get_terminal_size((100, 24)).columns
    for line in format_summary(run, report, colour=terminal, width=width):
        _print(line)
    for reason in result.client_bound:
        _print(f"ai load: client-bound: {reason}")
    for reason in result.late:
        _print(f"ai load: {reason}")
    if result.problem:
        _print(f"ai load: {result.problem}")
    if result.gone:
        _print(f"ai load: ended early: {result.gone}")
    _print(f"ai load: result in {path}")
    if not result.finished and get_checkpoint_path(Path(job.run_dir), job.load.scenario).exists():
        _print(f"ai load: go on with: aiharness load {job.load.scenario} --resume {shlex.quote(job.run_dir)}")
    return report.run.exit_status


def _print(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _print_requests(job: Job, result: LoadResult) -> None:
    generator, failed = result.generator, result.failed / max(1, result.completed)
    _print(
        f"\nai load: {result.sent} of {result.intended} requests sent, {result.completed} ended, {failed:.2%} failed"
    )
    _print(f"ai load: {result.distinct:.0%} distinct requests: {result.workload}")
    if generator.slow_path:
        _print(f"ai load: {generator.slow_path}")
    lag, cpu = describe_time(generator.lag_p99 or 0.0), (generator.cpu or 0) * 100
    target = "" if generator.target_rate is None else f"of {generator.target_rate:.4g} "
    if result.loop:
        _print(f"ai load: {result.describe_loop()}")
    _print(
        f"ai load: {generator.achieved_rate or 0:.4g} {target}requests/s, "
        f"sent late by {lag} at p99, {cpu:.0f} % of a core"
    )
    if note := result.describe_connections():
        _print(f"ai load: {note}")


def _run_preflight(request: PreflightRequest) -> PreflightResult:
    command = [sys.executable, "-m", "harness.load.preflight_process"]
    patience = request.endpoint.deadlines.total + _PREFLIGHT_SECONDS
    try:
        process = subprocess.run(
            command, input=msgspec.json.encode(request), capture_output=True, timeout=patience, check=False
        )
    except subprocess.TimeoutExpired:
        raise HarnessError(f"the preflight of {request.endpoint.url} did not end within {patience:g} s") from None
    if process.returncode:
        last_line = process.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        problem = UsageError if process.returncode == 4 else HarnessError
        raise problem(last_line or f"the preflight of {request.endpoint.url} ended with {process.returncode}")
    return msgspec.json.decode(process.stdout, type=PreflightResult)
