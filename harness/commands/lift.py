"""`aiharness lift`: end every fault of ours, from any terminal; what is left of a run whose host died."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.chaos.run_experiment import lift_faults_of_runs
from harness.config.file import CONFIG_FILE, read_file
from harness.config.suite_sections import read_links
from harness.core.errors import RunDirError, UsageError
from harness.core.gate import Exit
from harness.io.rundir import FAULTS

RUNS = Path(".aiharness/runs")


def lift_command(api: Sequence[str]) -> int:
    """Lift at these APIs, else at those of the configuration's links and of the runs below the working directory.

    Exit status 0, or 21 when a proxy did not answer. Raises `UsageError` when there is nowhere to look.
    """
    place, file = read_file(None, [Path.cwd()])
    found = list(api) or [link.api for link in read_links(file.links, place)]
    runs = [] if api else sorted(str(path.parent) for path in RUNS.glob(f"*/{FAULTS}"))
    if not found and not runs:
        raise UsageError(
            f"no link is configured in {CONFIG_FILE} and no run is below {RUNS}: give the URL of a Toxiproxy API"
        )
    status = Exit.PASS
    # What was named by hand, or in the configuration's own [targets], is allowed.
    allow = [_host(url) for url in (*api, *file.targets.allow)]
    for urls_of_one, run in [*(([url], []) for url in dict.fromkeys(found)), *(([], [run]) for run in runs)]:
        try:
            print("\n".join(lift_faults_of_runs(urls_of_one, run, allow=allow)) or f"{run[0]}: nothing left on")
        except (UsageError, RunDirError) as problem:
            print(problem)
            status = Exit.ERROR
    return int(status)


def _host(given: str) -> str:
    return given.partition("://")[2].partition("/")[0].rpartition("@")[2] if "://" in given else given
