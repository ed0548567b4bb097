"""`locust -f scenarios/sweep.py` becomes a run of the capacity suite, whose loads are stock locust again.

A search is many loads, each from a drained queue and with processes of its own; the suite makes them. So a sweep by
hand, by `aiharness load sweep` and in the gate is the same search.

Tested in tests/load/test_scenarios.py.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

from harness.config.file import read_file
from harness.core.errors import UsageError
from harness.core.load_settings import LoadSettings

_SUITE = "capacity"
_OBJECTIVE = re.compile(r"\s*([^<>=]+?)\s*([<>]=?.*)")
_OF_LOAD = ("arrivals", "burstiness", "dataset")


def become_sweep(options: Any, host: str | None) -> None:
    """Replace this process by the run. Raises `UsageError` for what a sweep cannot do."""
    if options.master or options.worker or options.processes:
        raise UsageError("a sweep starts loads of its own: leave --processes, --master and --worker out")
    if options.baseline:
        raise UsageError("a sweep has no baseline: compare with steady, ramp, steps or spike")
    if not options.headless:
        raise UsageError("a sweep has no web page: run it with --headless")
    arguments = list_arguments(options, host, Path.cwd())
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *arguments])


def list_arguments(options: Any, host: str | None, folder: Path) -> list[str]:
    """Pytest's arguments for these options of locust, beside the aiharness.toml of the folder. Raises `UsageError`."""
    _, file, sections = read_file(None, [folder])
    lines = _list_lines(options)
    if options.rate is None and _SUITE not in sections:
        lines.insert(0, f"capacity.target_rate = {LoadSettings().rate}")
    if not (options.objective or any(objective.suite == _SUITE for objective in file.objective)):
        raise UsageError(
            'a capacity is one for an objective: give --objective "latency p95 <= 800ms", '
            'or an [[objective]] with suite = "capacity"'
        )
    given = {"endpoint": host, "model": options.model, "protocol": options.protocol, "run_dir": options.run_dir}
    arguments = [f"--ai-suite={_SUITE}", "--ai-only-packaged", f"--ai-seed={options.seed}", "-p", "no:cacheprovider"]
    arguments += [f"--ai-{name.replace('_', '-')}={value}" for name, value in given.items() if value]
    return [*arguments, "--ai-extra-config=" + "\n".join(lines)]


def _list_lines(options: Any) -> list[str]:
    """What the options say of the configuration."""
    lines = [f"load.concurrency = {options.num_users}"]
    for name in _OF_LOAD:
        if (value := getattr(options, name)) is not None:
            lines.append(f"load.{name} = {json.dumps(value)}")
    if options.rate is not None:
        lines.append(f"capacity.target_rate = {float(options.rate)}")
    duration = options.duration or options.run_time
    for name, value in (("duration", duration), ("warm_up", options.warm_up)):
        if value is not None:
            lines.append(f"capacity.{name} = {float(value)}")
    return [*lines, *map(_write_objective, options.objective)]


def _write_objective(text: str) -> str:
    match = _OBJECTIVE.fullmatch(text)
    if match is None:
        raise UsageError(f'objective {text!r} cannot be read; write like "latency p95 <= 800ms"')
    metric, limit = (json.dumps(part) for part in match.groups())
    return f'[[objective]]\nsuite = "{_SUITE}"\nmetric = {metric}\nlimit = {limit}'
