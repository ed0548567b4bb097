"""`aiharness lift`: end every fault that a run has left on a link, for example because its host died."""

from __future__ import annotations

import contextlib
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from harness.chaos.operator_log import add_remark, find_open_runs
from harness.chaos.run_experiment import lift_faults_of_runs
from harness.commands.command import Command
from harness.config.file import CONFIG_FILE, read_file
from harness.config.suite_sections import read_links
from harness.core.errors import RunDirError, UsageError
from harness.core.gate import Exit
from harness.core.url_parsing import parse_url
from harness.io.rundir import FAULTS

RUNS = Path(".aiharness/runs")


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument("api", nargs="*", metavar="URL", help="Toxiproxy APIs (default: those of aiharness.toml)")


def _run(api: Sequence[str]) -> int:
    """Lift at these APIs, else at those of the configuration's links and of the runs below the working directory.

    Each is tried. Exit status 0, or 21 when one could not be read, did not answer or kept a fault. Raises `UsageError`
    when no API is known.
    """
    urls, targets, is_read = _read_configuration() if not api else (list(api), list[str](), True)
    runs = [] if api else sorted(str(path.parent) for path in RUNS.glob(f"*/{FAULTS}"))
    if not urls and not runs and is_read:
        raise UsageError(
            f"no link is configured in {CONFIG_FILE} and no run is below {RUNS}: give the URL of a Toxiproxy API"
        )
    # What is given on the command line, or in the configuration's own [targets], is allowed.
    allow = [_parse_host(target) for target in (*api, *targets)]
    for run in find_open_runs(RUNS):
        with contextlib.suppress(OSError):  # of a run that cannot be written to, faults are lifted all the same
            add_remark(run, "lift", "aiharness lift")
    lifted = [_lift([url], [], allow) for url in dict.fromkeys(urls)]
    lifted += [_lift([], [run], allow) for run in runs]
    return int(Exit.PASS if all(lifted) and is_read else Exit.ERROR)


def _read_configuration() -> tuple[list[str], list[str], bool]:
    """The APIs of the links, the allowed targets, and whether it could be read: a broken file lets no fault stay on."""
    try:
        source, file, _ = read_file(None, [Path.cwd()])
        return [link.api for link in read_links(file.links, source)], list(file.targets.allow), True
    except UsageError as problem:
        print(problem)
        return [], [], False


def _lift(urls: list[str], runs: list[str], allow: list[str]) -> bool:
    """Lift at an API, or at those of a run, and print what was lifted; False when it failed."""
    try:
        for url in urls:
            parse_url(url, "Toxiproxy's API")
        print("\n".join(lift_faults_of_runs(urls, runs, allow=allow)) or f"{runs[0]}: no fault is left on")
    except (UsageError, RunDirError) as problem:
        print(problem)
        return False
    return True


def _parse_host(target: str) -> str:
    """`host:port` of a URL, or of a target that is written so already."""
    _, scheme, rest = target.partition("://")
    return rest.partition("/")[0].rpartition("@")[2] if scheme else target


COMMAND = Command(run=_run, add_options=_add_options)
