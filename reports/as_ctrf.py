"""Common Test Report Format (ctrf.io): one test for the gate's decision, then one for each planned check.

The gate's test is `passed` for a whole PASS alone, else `failed`. An INCONCLUSIVE blocker, one left unrun and an ERROR
are `failed`. What decides nothing (warn, info, let through by an option) is `other`, never `passed`. `rawStatus` is our
own verdict.
"""

from __future__ import annotations

import uuid
from collections import Counter
from typing import Any

from harness.core.report import CheckRow, Report
from harness.core.visible_text import fold_line, make_visible

from . import _view
from ._causes import describe_decision, describe_event, describe_evidence
from ._format import count_milliseconds, round_milliseconds
from ._outcomes import GATE_NAME, Counted, count_check, count_run
from ._plain import convert_value, write_json

SUFFIX = ".ctrf.json"

_STATUSES = {Counted.PASSED: "passed", Counted.SKIPPED: "skipped", Counted.REMARK: "other"}
_FIGURES = ("metric", "unit", "direction", "estimate", "ci", "confidence", "n", "n_needed", "limit", "limit_loosened")
_TEXT = 8000


def render(report: Report, *, run_path: str = "") -> str:
    """The report as CTRF JSON. `run_path` is the run's directory, for commands that read it (default: the run's id)."""
    run, target = report.run, report.target
    start, stop = count_milliseconds(run.started), count_milliseconds(run.finished)
    tests = [_make_gate_test(report, max(0, stop - start))]
    for row in report.checks:
        tests.append(_make_test(row, report, run_path))
    counts: Counter[str] = Counter()
    for test in tests:
        counts[test["status"]] += 1
    document: dict[str, Any] = {"reportFormat": "CTRF", "specVersion": "0.0.0", "generatedBy": "aiharness"}
    document["reportId"] = str(uuid.uuid5(uuid.NAMESPACE_URL, _clean(run.id)))
    summary = {"tests": len(tests), "suites": 1 + len(report.plan.suites), "start": start, "stop": stop}
    summary |= {name: counts[name] for name in ("passed", "failed", "skipped", "pending", "other")}
    document["results"] = {
        "tool": {"name": "aiharness", "version": _clean(report.environment.get("aiharness", "unknown"))},
        "summary": summary,
        "environment": {
            "appName": _clean(target.model or target.url),
            "appVersion": _clean(target.version or "unknown"),
            "testEnvironment": _clean(target.url),
            "healthy": count_run(report) is Counted.PASSED,
            "extra": {"run": _clean(run.id), "protocol": _clean(target.protocol), "plan": _clean(report.plan.hash)},
        },
        "tests": tests,
    }
    return write_json(document)


def _make_gate_test(report: Report, duration: int) -> dict[str, Any]:
    run = report.run
    return {
        "name": "the release gate's decision",
        "testId": GATE_NAME,
        "rawStatus": str(run.verdict),
        "status": "passed" if count_run(report) is Counted.PASSED else "failed",
        "duration": duration,
        "suite": [GATE_NAME],
        "message": _clean(f"{_view.format_headline(report)}: {run.reason}"),
        "trace": make_visible(describe_decision(report), _TEXT),
    }


def _make_test(row: CheckRow, report: Report, run_path: str) -> dict[str, Any]:
    test: dict[str, Any] = {
        "name": _clean(row.title or row.id),
        "testId": _clean(row.id),
        "rawStatus": str(row.verdict),
        "status": _STATUSES.get(count_check(row, report), "failed"),
        "duration": round_milliseconds(row.seconds),
        "suite": [_clean(row.suite)],
        "type": _clean(row.kind),
        "tags": [str(row.level)],
        "message": _clean(describe_event(row)),
    }
    if _view.is_open(row):
        test["trace"] = make_visible(describe_evidence(row, report, run_path), _TEXT)
    extra = {}
    for name in _FIGURES:
        value = convert_value(getattr(row, name))
        if value is not None:
            extra[name] = _clean(value) if isinstance(value, str) else value
    if extra:
        test["extra"] = extra
    return test


def _clean(text: str) -> str:
    return fold_line(text, 1000) or "unknown"
