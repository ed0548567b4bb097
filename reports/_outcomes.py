"""What a run and its checks count as in formats that know little beyond success, failure and skipped."""

from __future__ import annotations

from enum import StrEnum

from harness.core.gate import Exit
from harness.core.report import CheckRow, Report
from harness.core.verdict import Level, Status

GATE_NAME = "release-gate"
"""The name of the entry that stands for the gate's own decision."""


class Counted(StrEnum):
    """What an entry counts as; `REMARK` is neither a success nor a failure."""

    PASSED = "passed"
    FAILED = "failed"
    BROKEN = "broken"
    SKIPPED = "skipped"
    REMARK = "remark"


def count_run(report: Report) -> Counted:
    """What the decision counts as: passed only for a whole PASS; what an option let through is a remark."""
    run = report.run
    if run.verdict is Status.ERROR or not run.final:
        return Counted.BROKEN
    if run.exit_status != Exit.PASS or report.plan.judged <= 0 or run.verdict is Status.FAIL:
        return Counted.FAILED
    return Counted.PASSED if run.verdict is Status.PASS and not run.partial else Counted.REMARK


def count_check(row: CheckRow, report: Report) -> Counted:
    """How formats without our verdicts count a check.

    An INCONCLUSIVE blocker is a failure, unless the run ended with exit status 0.
    """
    if row.verdict is Status.PASS:
        return Counted.PASSED
    if row.verdict is Status.SKIPPED:
        return Counted.SKIPPED
    if row.level is not Level.BLOCKER:
        return Counted.REMARK
    if row.verdict is Status.INCONCLUSIVE and report.run.exit_status == Exit.PASS:
        return Counted.REMARK
    return Counted.BROKEN if row.verdict is Status.ERROR else Counted.FAILED
