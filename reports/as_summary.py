"""The summary of a CI job's step, such as GitHub's: the Markdown report with all checks, below the limit of 1 MiB."""

from __future__ import annotations

from itertools import filterfalse

from harness.core.report import CheckRow, Report

from . import _view
from .as_markdown import MarkdownPage, escape_prose, fill_page

SUFFIX = ".summary.md"

_MAX_BYTES = 1_000_000
"""GitHub drops a summary over 1 MiB whole."""


def render(report: Report, *, run_path: str = "") -> str:
    """The summary. `run_path` is the run's directory, for commands that read it (default: the run's id)."""
    page = MarkdownPage(_MAX_BYTES)
    fill_page(page, report, run_path)
    rows = filterfalse(_view.is_open, _view.rank_rows(report.checks))
    head = "| Verdict | Level | Suite | Check | What holds |\n|---|---|---|---|---|"
    page.add_table("Checks that hold or do not apply", head, map(_list_row, rows))
    return page.text


def _list_row(row: CheckRow) -> str:
    cells = (row.verdict, row.level, row.suite, row.title or row.id, row.reason)
    return f"| {' | '.join(map(escape_prose, cells))} |"
