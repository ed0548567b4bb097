"""`aiharness load SCENARIO [URL]`: stock locust with a scenario, a run directory and the gate's exit status.

Every other option is locust's or a scenario's, such as `--rate 20 --duration 60 --processes 2`.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from harness.commands.command import Command
from harness.core.errors import UsageError
from harness.core.registry import describe_unknown, list_plugins
from harness.load.checkpoint import read_checkpoint
from harness.load.locust_process import find_locustfile


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument("scenario", metavar="SCENARIO", help=", ".join(list_plugins("scenarios")))
    parser.add_argument("url", nargs="?", metavar="URL", help="the service (default: that of aiharness.toml)")
    parser.add_argument("--resume", metavar="RUN", help="go on with the soak in this run directory, which was killed")
    parser.add_argument("--web", action="store_true", help="open locust's web page in place of starting at once")
    parser.epilog = "Other options go to locust: --rate, --duration, --warm-up, --shape, -u, --processes, --csv, ..."


def _run(scenario: str, url: str | None, resume: str | None, web: bool, rest: Sequence[str]) -> int:
    """Become locust, which ends with a report on Ctrl-C too. Raises `UsageError` for an unknown scenario."""
    known = list_plugins("scenarios")
    if scenario not in known:
        raise UsageError(describe_unknown("scenario", scenario, known))
    if resume is not None:
        if url is not None or web or rest:
            raise UsageError("--resume takes everything from the run: give no URL and no other option")
        _become_locust(_prepare_resuming(scenario, Path(resume).absolute()))
    arguments = ["-f", str(find_locustfile(scenario))]
    if not web:
        arguments += ["--headless", "--only-summary"]  # the live line takes the place of locust's tables
    if url is not None:
        arguments += ["--host", url]
    _become_locust([*arguments, *rest])


def _prepare_resuming(scenario: str, run_dir: Path) -> list[str]:
    """Go to the folder where the soak was started; locust's arguments to go on with it. Raises `UsageError`."""
    checkpoint = read_checkpoint(run_dir, scenario)
    try:
        os.chdir(checkpoint.folder)
    except OSError as problem:
        raise UsageError(f"the soak was started in {checkpoint.folder}, which is no more: {problem.strerror}") from None
    return [*checkpoint.arguments, "--resume", str(run_dir)]


def _become_locust(arguments: Sequence[str]) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os.execv(sys.executable, [sys.executable, "-m", "locust", *arguments])


COMMAND = Command(run=_run, add_options=_add_options, takes_rest=True)
