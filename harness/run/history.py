"""Add a run to the history of its folder.

Tested in tests/commands/test_history.py.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from harness.core.errors import RunDirError
from harness.core.report import Report
from harness.core.settings import Settings
from harness.io.history_file import HISTORY, append_history


def note_run(folder: Path, settings: Settings, report: Report) -> None:
    """Add a whole run in `.aiharness/runs` to `.aiharness/history.jsonl`; a history that cannot be written is left."""
    is_whole = report.run.final and not (settings.only_check or settings.gameday or settings.prove)
    if settings.run_dir is None and is_whole:
        with contextlib.suppress(RunDirError):
            append_history(folder.parent.parent / HISTORY.name, report)
