"""Allure results of the whole run: a folder with a file for the gate's decision and one for each planned check.

The gate is `passed` for a whole PASS alone, since Allure takes a run with nothing but `unknown` beside for passed. A
blocker that FAILs or is INCONCLUSIVE is `failed`, its ERROR `broken`. What decides nothing (warn, info, let through
by an option) is `unknown`, never `passed`; a category names INCONCLUSIVE ones. As one text the files stand in a JSON
object by name.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from typing import Any

from harness.core.report import CheckRow, Report
from harness.core.verdict import Level
from harness.core.visible_text import fold_line, make_visible

from . import _view
from ._causes import describe_decision, describe_event, describe_evidence, split_test_id
from ._format import count_milliseconds, round_milliseconds
from ._outcomes import GATE_NAME, Counted, count_check, count_run
from ._plain import write_json

SUFFIX = ".allure-results"

_STATUSES = {
    Counted.PASSED: "passed",
    Counted.FAILED: "failed",
    Counted.BROKEN: "broken",
    Counted.SKIPPED: "skipped",
    Counted.REMARK: "unknown",
}
_SEVERITIES = {Level.BLOCKER: "blocker", Level.WARN: "normal", Level.INFO: "trivial"}
_CATEGORIES = [
    {
        "name": "Not decided (INCONCLUSIVE)",
        "messageRegex": "(?s)INCONCLUSIVE.*",
        "matchedStatuses": ["failed", "unknown"],
    },
    {"name": "The harness or the connection broke (ERROR)", "matchedStatuses": ["broken"]},
    {"name": "Refuted (FAIL)", "messageRegex": "(?s)FAIL.*", "matchedStatuses": ["failed", "unknown"]},
]
_TEXT = 8000


def render(report: Report, *, run_path: str = "") -> str:
    """All files as one JSON object. `run_path` is the run's directory, for commands (default: the run's id)."""
    start, stop = count_milliseconds(report.run.started), count_milliseconds(report.run.finished)
    gate = _make_gate_result(report) | {"start": start, "stop": max(start, stop)}
    files: dict[str, Any] = {f"{gate['uuid']}-result.json": gate}
    for row in report.checks:
        result = _make_result(row, report, run_path)
        result |= {"start": start, "stop": start + round_milliseconds(row.seconds)}
        files[f"{result['uuid']}-result.json"] = result
    files["categories.json"] = _CATEGORIES
    files["environment.properties"] = _list_environment(report)
    return write_json(files)


def split_files(text: str) -> Mapping[str, str]:
    """The content of each file of the folder, by its name, from what `render` returns."""
    files: dict[str, Any] = json.loads(text)
    return {name: body if isinstance(body, str) else json.dumps(body) for name, body in files.items()}


def _make_gate_result(report: Report) -> dict[str, Any]:
    run = report.run
    details = {
        "message": _clean(f"{_view.format_headline(report)}: {run.reason}"),
        "trace": make_visible(describe_decision(report), _TEXT),
    }
    labels = {"parentSuite": GATE_NAME, "suite": GATE_NAME, "severity": "blocker"}
    counted = count_run(report)
    if counted is Counted.REMARK:
        counted = Counted.FAILED
    return _join_result(GATE_NAME, f"{run.verdict}: the release gate", counted, details, labels, report)


def _make_result(row: CheckRow, report: Report, run_path: str) -> dict[str, Any]:
    details = {"message": _clean(f"{row.verdict} ({row.level}): {describe_event(row)}")}
    if _view.is_open(row):
        details["trace"] = make_visible(describe_evidence(row, report, run_path), _TEXT)
    labels = {
        "parentSuite": row.suite,
        "suite": split_test_id(row)[0].rpartition(".")[2],
        "severity": _SEVERITIES[row.level],
        "tag": row.kind,
    }
    return _join_result(row.id, row.title or row.id, count_check(row, report), details, labels, report)


def _join_result(
    key: str, name: str, counted: Counted, details: Mapping[str, str], labels: Mapping[str, str], report: Report
) -> dict[str, Any]:
    """One result; its history goes on with the same check of the same service."""
    known = {"framework": "aiharness", "language": "python", **labels}
    history = "\0".join((key, report.target.url, report.target.model or ""))
    return {
        "uuid": str(uuid.uuid5(uuid.NAMESPACE_URL, _encode(f"{report.run.id}\0{key}"))),
        "historyId": hashlib.sha256(_encode(history).encode()).hexdigest()[:32],
        "fullName": _clean(key),
        "name": _clean(name),
        "status": _STATUSES[counted],
        "statusDetails": dict(details),
        "stage": "finished",
        "labels": [{"name": label, "value": _clean(value)} for label, value in known.items()],
    }


def _list_environment(report: Report) -> str:
    """Java properties: what was judged, and how the gate decided."""
    run, target = report.run, report.target
    properties = {
        "verdict": str(run.verdict),
        "exit_status": str(run.exit_status),
        "run": run.id,
        "target": target.url,
        "protocol": target.protocol,
        "model": target.model or "",
        "version": target.version or "",
        "plan": report.plan.hash,
    }
    text = ""
    for name, value in properties.items():
        if value:
            shown = _clean(value).replace("\\", "\\\\")
            text += f"{name}={shown}\n"
    return text


def _encode(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _clean(text: str) -> str:
    return fold_line(text, 1000) or "unknown"
