"""`aiharness load SCENARIO [URL]`: stock locust with a scenario, a run directory and the gate's exit status.

Every other option is locust's or a scenario's, such as `--rate 20 --duration 60 --processes 2`.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections.abc import Sequence

from harness.commands.command import Command
from harness.core.errors import UsageError
from harness.core.registry import describe_unknown, list_plugins
from harness.load.locust_process import find_locustfile


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument("scenario", metavar="SCENARIO", help=", ".join(list_plugins("scenarios")))
    parser.add_argument("url", nargs="?", metavar="URL", help="the service (default: that of aiharness.toml)")
    parser.add_argument("--web", action="store_true", help="open locust's web page in place of starting at once")
    parser.epilog = "Other options go to locust: --rate, --duration, --warm-up, --shape, -u, --processes, --csv, ..."


def _run(scenario: str, url: str | None, web: bool, rest: Sequence[str]) -> int:
    """Become locust, which ends with a report on Ctrl-C too. Raises `UsageError` for an unknown scenario."""
    known = list_plugins("scenarios")
    if scenario not in known:
        raise UsageError(describe_unknown("scenario", scenario, known))
    arguments = [sys.executable, "-m", "locust", "-f", str(find_locustfile(scenario))]
    if not web:
        arguments.append("--headless")
    if url is not None:
        arguments += ["--host", url]
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os.execv(sys.executable, [*arguments, *rest])


COMMAND = Command(run=_run, add_options=_add_options, takes_rest=True)
