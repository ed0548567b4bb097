"""`aiharness pin RUN`: make a PASS the baseline that `--ai-baseline=pinned` and `compare pinned NEW` mean."""

from __future__ import annotations

from argparse import ArgumentParser

from harness.commands.command import Command
from harness.commands.report import saved_report
from harness.io.history_file import pin_run
from harness.io.run_search import find_run


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument("run_", metavar="RUN", help="a run directory, or the name of one in .aiharness/runs")


def _run(run_: str) -> int:
    folder = find_run(run_)
    path = pin_run(folder, saved_report(folder))
    print(f"{path} now names {folder}")
    return 0


COMMAND = Command(run=_run, add_options=_add_options)
