"""Add a run to the history of its folder, and show the history in its report.

Tested in tests/commands/test_history.py.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

from harness.core.errors import RunDirError
from harness.core.history import collect_history, make_history_line
from harness.core.report import Report
from harness.core.settings import Settings
from harness.io.history_file import HISTORY, append_history, read_history


def recall_runs(folder: Path, settings: Settings, report: Report) -> Report:
    """The report with the earlier runs of its folder that can be compared with it, as far as they can be read."""
    if not _is_noted(settings, report):
        return report
    with contextlib.suppress(RunDirError):
        lines = read_history(folder.parent.parent / HISTORY.name)
        others = [line for line in lines if line.run != report.run.id]
        return replace(report, history=collect_history([*others, make_history_line(report)]))
    return report


def note_run(folder: Path, settings: Settings, report: Report) -> None:
    """Add a whole run in `.aiharness/runs` to `.aiharness/history.jsonl`; a history that cannot be written is left."""
    if _is_noted(settings, report):
        with contextlib.suppress(RunDirError):
            append_history(folder.parent.parent / HISTORY.name, report)


def _is_noted(settings: Settings, report: Report) -> bool:
    """Whether it is a whole run of the folder, which its history is about."""
    is_part = settings.only_check or settings.gameday or settings.prove
    is_whole = report.run.final and not report.run.partial
    return settings.run_dir is None and is_whole and not is_part
