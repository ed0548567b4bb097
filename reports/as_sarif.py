"""SARIF 2.1.0 for code scanning: a result for each FAIL, and one for the gate where it does not say PASS.

An ERROR or INCONCLUSIVE check is no finding: it is a notification, and the execution counts as unsuccessful. The gate's
own result keeps such a run from closing the alerts of an earlier one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from harness.core.gate import Exit
from harness.core.report import CheckRow, Report
from harness.core.verdict import Level, Status
from harness.core.visible_text import fold_line, make_visible

from . import _view
from ._causes import describe_event, describe_evidence
from ._format import parse_moment
from ._outcomes import GATE_NAME, Counted, count_run
from ._plain import write_json

SUFFIX = ".sarif"

_MOST_RESULTS = 5000
"""Results of one run that GitHub's code scanning shows."""

_LEVELS = {Level.BLOCKER: "error", Level.WARN: "warning", Level.INFO: "note"}
_TEXT = 8000


def render(report: Report, *, run_path: str = "") -> str:
    """The report as SARIF. `run_path` is the run's directory, for commands that read it (default: the run's id)."""
    run = report.run
    findings, others = _split_open(report)
    rules: dict[str, dict[str, Any]] = {}
    results = []
    if count_run(report) is not Counted.PASSED:
        level = "warning" if run.exit_status == Exit.PASS else "error"
        message = f"{_view.format_headline(report)}: {run.reason}"
        rules[GATE_NAME] = _describe_rule(GATE_NAME, "The release gate says PASS")
        results.append(_make_result(GATE_NAME, GATE_NAME, level, message, report))
    for row in findings[: _MOST_RESULTS - 1]:
        rule = _clean(row.id.partition("[")[0].removeprefix("ai-suite/"))
        rules.setdefault(rule, _describe_rule(rule, row.title or row.id, row))
        results.append(_make_finding(row, rule, report, run_path))
    driver = {"name": "aiharness", "semanticVersion": _find_version(report), "rules": list(rules.values())}
    log = {
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "properties": {"verdict": str(run.verdict), "exitStatus": run.exit_status},
        "runs": [
            {
                "tool": {"driver": driver},
                "automationDetails": {"id": "aiharness/"},
                "invocations": [_describe_invocation(report, len(findings), others)],
                "results": results,
            }
        ],
    }
    return write_json(log)


def _find_version(report: Report) -> str:
    return _clean(report.environment.get("aiharness", "0.0.0"))


def _describe_rule(rule: str, title: str, row: CheckRow | None = None) -> dict[str, Any]:
    tags = (row.suite, row.kind, *row.clauses) if row else ("gate",)
    return {
        "id": rule,
        "shortDescription": {"text": _clean(title)},
        "fullDescription": {"text": f"{_clean(title)} (checked at the deployed endpoint)"},
        "help": {"text": "The finding says what happened, and the command that shows it again."},
        "properties": {"tags": list(dict.fromkeys(map(_clean, tags)))},
    }


def _make_result(rule: str, key: str, level: str, message: str, report: Report) -> dict[str, Any]:
    digest = hashlib.sha256(f"{key}\0{report.target.url}".encode("utf-8", "replace")).hexdigest()
    path = key.partition("::")[0]
    own = path.endswith(".py") and not path.startswith(("ai-suite/", "/")) and fold_line(path) == path
    place = path if own else "aiharness.toml"
    return {
        "ruleId": rule,
        "level": level,
        "message": {"text": make_visible(message, _TEXT) or "no reason was given"},
        "partialFingerprints": {"aiharnessCheck/v1": digest},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(place), "uriBaseId": "%SRCROOT%"},
                    "region": {"startLine": 1},
                },
                "logicalLocations": [{"fullyQualifiedName": _clean(key), "kind": "function"}],
            }
        ],
    }


def _make_finding(row: CheckRow, rule: str, report: Report, run_path: str) -> dict[str, Any]:
    message = f"{describe_event(row)}\n\n{describe_evidence(row, report, run_path)}"
    result = _make_result(rule, row.id, _LEVELS[row.level], message, report)
    example = _view.find_smallest(row)
    if example and example.request:
        result["webRequest"] = _describe_message(example.request, ("method", "target"))
    if example and example.response and isinstance(example.response.get("status"), int):
        result["webResponse"] = _describe_message(example.response, ()) | {"statusCode": example.response["status"]}
    return result


def _describe_message(message: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """A request or an answer in SARIF's terms, each part as text."""
    known = {**message, "target": message.get("url")}
    shown: dict[str, Any] = {}
    for name in names:
        if known.get(name):
            shown[name] = _clean(str(known[name]))
    headers = message.get("headers")
    if isinstance(headers, Mapping):
        names_, values = map(_clean, map(str, headers)), map(_clean, map(str, headers.values()))
        shown["headers"] = dict(zip(names_, values, strict=True))
    if body := message.get("body"):
        shown["body"] = {"text": make_visible(str(body), _TEXT)}
    return shown


def _split_open(report: Report) -> tuple[list[CheckRow], list[CheckRow]]:
    """The checks that FAIL, and the others that are open, worst first."""
    findings, others = list[CheckRow](), list[CheckRow]()
    for row in _view.list_open_rows(report):
        (findings if row.verdict is Status.FAIL else others).append(row)
    return findings, others


def _describe_invocation(report: Report, findings: int, open_rows: list[CheckRow]) -> dict[str, Any]:
    """How the run ended, and what it left open."""
    run = report.run
    decided = run.verdict in (Status.PASS, Status.FAIL) and not run.partial and run.final
    notes = []
    for row in open_rows[:_MOST_RESULTS]:
        notes.append(_notify(f"{row.verdict} ({row.level}): {describe_event(row)}", row))
    left_out = max(0, findings - _MOST_RESULTS + 1) + max(0, len(open_rows) - _MOST_RESULTS)
    if left_out:
        notes.append(_notify(f"{left_out:,} more in gate.json"))
    invocation: dict[str, Any] = {
        "executionSuccessful": decided,
        "exitCode": run.exit_status,
        "exitCodeDescription": _clean(f"{run.verdict}: {run.reason}"),
        "toolExecutionNotifications": notes,
    }
    for name, text in (("startTimeUtc", run.started), ("endTimeUtc", run.finished)):
        if (moment := parse_moment(text)) and moment.tzinfo:
            invocation[name] = f"{moment:%Y-%m-%dT%H:%M:%S}Z"
    return invocation


def _notify(text: str, row: CheckRow | None = None) -> dict[str, Any]:
    notice: dict[str, Any] = {"message": {"text": _clean(text)}, "level": "error"}
    if row:
        notice["level"] = _LEVELS[row.level]
        notice["descriptor"] = {"id": _clean(row.id)}
    return notice


def _clean(text: str) -> str:
    return fold_line(text, 1000) or "unknown"
