"""A game day in pytest: what is looked at and asked before the first experiment, and the post-mortem at the end.

Tested in tests/commands/test_gameday.py.
"""

from __future__ import annotations

from harness.chaos.briefing import describe_game_day
from harness.chaos.console import can_ask
from harness.chaos.post_mortem import write_post_mortem
from harness.chaos.rehearsal import rehearse_lift
from harness.core.errors import RunDirError, UsageError
from harness.run.gate_run import GateRun
from harness.run.report_files import shorten_path


def open_game_day(run: GateRun) -> None:
    """Rehearse the undo, say what will happen, ask whether to begin. Raises `UsageError` where it does not begin."""
    settings = run.settings
    if run.preflight.obstacle:
        raise UsageError(f"the game day does not begin: {run.preflight.obstacle}")
    may_begin = settings.assume_yes or can_ask()
    rehearsed = rehearse_lift(settings) if may_begin else []
    for line in (*rehearsed, *describe_game_day(settings)):
        print(run.redact(line), flush=True)
    if not may_begin:
        raise UsageError("nobody can be asked here, as this is no terminal: give --yes to begin without asking")
    if settings.assume_yes:
        return
    if input("Begin? [y/N] ").strip().lower() not in ("y", "yes"):
        raise UsageError("the game day does not begin: the operator said no")


def close_game_day(run: GateRun) -> None:
    """Write the post-mortem, and say where it is."""
    try:
        for path in write_post_mortem(run.run_dir):
            print(f"post-mortem: {shorten_path(path)}", flush=True)
    except RunDirError as problem:
        print(f"the post-mortem cannot be written: {problem}", flush=True)
