"""Annotations of GitHub Actions: the gate's decision, then one line for each cause of an open check.

`aiharness report RUN --format=annotations` prints them in a step; GitHub shows ten errors and ten warnings of a step.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from harness.core.causes import group_by_cause
from harness.core.report import CheckRow, Report
from harness.core.visible_text import fold_line, make_visible

from . import _view
from ._causes import describe_decision, describe_event, describe_evidence, describe_others
from ._outcomes import Counted, count_check, count_run

SUFFIX = ".annotations.txt"

_MOST = 9
"""Annotations of each kind beside that of the gate."""

_KINDS = {Counted.PASSED: "notice", Counted.FAILED: "error", Counted.BROKEN: "error", Counted.REMARK: "warning"}
_OLD_COMMAND = re.compile(r"##(?=\[)")


def render(report: Report, *, run_path: str = "") -> str:
    """The annotations, one a line. `run_path` is the run's directory, for commands (default: the run's id)."""
    gate = f"{report.run.reason}\n{describe_decision(report)}"
    lines = [_annotate(_KINDS[count_run(report)], f"{_view.format_headline(report)}: release gate", gate)]
    left_out = {"error": 0, "warning": 0}
    numbers = dict.fromkeys(left_out, 0)
    for rows in group_by_cause(_view.list_open_rows(report)):
        kind = _KINDS[count_check(rows[0], report)]
        numbers[kind] += 1
        if numbers[kind] > _MOST:
            left_out[kind] += len(rows)
        else:
            lines.append(_describe_cause(kind, rows, report, run_path))
    for kind, n in left_out.items():
        if n:
            lines.append(_annotate("notice", f"{n:,} more checks", f"{n:,} more checks ({kind}) are in the report"))
    return "\n".join(lines) + "\n"


def _describe_cause(kind: str, rows: Sequence[CheckRow], report: Report, run_path: str) -> str:
    row = rows[0]
    text = "\n".join(filter(None, (describe_evidence(row, report, run_path), describe_others(rows))))
    return _annotate(kind, f"{row.verdict}{_view.format_level(row)} {row.suite}: {describe_event(row)}", text)


def _annotate(kind: str, title: str, text: str) -> str:
    """One workflow command; nothing in the texts can end it or begin another."""
    shown = _escape(make_visible(text, 3000, keep="\n"))
    name = _escape(fold_line(title, 200)).replace(":", "%3A").replace(",", "%2C")
    return f"::{kind} title={name}::{shown}"


def _escape(text: str) -> str:
    """A workflow command's data; `##[error]`, an older form that works in mid-line, is broken up."""
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return _OLD_COMMAND.sub("# #", escaped)
