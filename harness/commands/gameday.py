"""`aiharness gameday FILE`: the experiments of a file, with preflight, live timeline, operator and post-mortem.

`aiharness gameday note "TEXT"` adds to the timeline of the game day that goes on.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from harness.chaos.operator_log import add_remark, find_open_runs
from harness.commands.child_run import run_in_child
from harness.commands.command import Command
from harness.commands.gate import run_pytest
from harness.commands.lift import RUNS
from harness.config.file import CONFIG_FILE
from harness.core.errors import UsageError
from harness.core.gate import Exit

_NOTE = "note"
_PLAIN = ("-s", "-p", "no:xdist")
"""Options of pytest for one process whose terminal the operator can type into."""


def _add_options(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("file", metavar="FILE", help="file with [[experiment]] tables; what it leaves out comes from aiharness.toml")
    add("text", nargs="?", metavar="TEXT", help=f"of `gameday {_NOTE}`: what to add to the timeline")
    add("--no-shrink", action="store_true", help="do not look for the smallest failing part of an experiment")
    add("--yes", action="store_true", help="begin, and begin each experiment, without asking")
    parser.epilog = "Other options are those of the pytest plugin: --ai-endpoint, --ai-run-dir, --ai-report, ..."


def _run(file: str, text: str | None, no_shrink: bool, yes: bool, rest: Sequence[str]) -> int:
    """Run the game day; the exit status of the gate. Raises `UsageError`."""
    if file == _NOTE:
        return _add_note(text)
    if text is not None:
        raise UsageError(f"unknown argument {text!r}; write like: aiharness gameday {CONFIG_FILE} --yes")
    if not Path(file).is_file():
        raise UsageError(f"{file} does not exist; give a file with [[experiment]] tables")
    arguments = ["--ai-suite=chaos", f"--ai-experiments={file}", "--ai-gameday", "--ai-only-packaged", *_PLAIN]
    if not no_shrink:
        arguments.append("--ai-extra-config=chaos.shrink = true")
    if yes:
        arguments.append("--ai-yes")
    return run_in_child(lambda: run_pytest([*arguments, *rest]))


def _add_note(text: str | None) -> int:
    if not (text or "").strip():
        raise UsageError(f'the note is empty; write like: aiharness gameday {_NOTE} "half of the users see errors"')
    runs = find_open_runs(RUNS)
    if not runs:
        raise UsageError(f"no run goes on below {RUNS}: write the note in the folder where the game day was started")
    add_remark(runs[-1], "note", (text or "").strip())
    print(f"noted in {runs[-1]}")
    return int(Exit.PASS)


COMMAND = Command(run=_run, add_options=_add_options, takes_rest=True)
