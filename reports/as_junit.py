"""JUnit XML, valid against Jenkins' `junit-10.xsd`, the strictest schema that CI systems check.

A blocker's FAIL is a failure of type `FAIL`, its INCONCLUSIVE a failure of type `inconclusive` (no CI shows it green),
its ERROR an error. A check of level warn or info never fails: FAIL and ERROR pass with a note in `system-out` and a
suite property, INCONCLUSIVE is skipped. The first suite, `release-gate`, has one test that fails unless the gate says
PASS.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from harness.core.report import CheckRow, Report
from harness.core.verdict import Status
from harness.core.visible_text import fold_line, make_visible

from . import _view
from ._causes import describe_decision, describe_event, describe_evidence, split_test_id
from ._format import compute_span, parse_moment
from ._outcomes import GATE_NAME, Counted, count_check, count_run
from ._traffic import CLIENT_BOUND, describe_fault_row, describe_load, explain_client_bound

SUFFIX = ".xml"
_TEXT = 8000
_TAGS = {Counted.PASSED: None, Counted.FAILED: "failure", Counted.BROKEN: "error"}
"""The element of each outcome; anything else is skipped, a remark of warn and info that FAILs is none."""


def render(report: Report, *, run_path: str = "") -> str:
    """The report as JUnit XML. `run_path` is the run's directory, for commands that read it (default: the run's id)."""
    root = Element("testsuites", name="aiharness")
    gate = _add_suite(root, GATE_NAME, _list_properties(report), report, _measure_duration(report))
    _add_gate_case(gate, report)
    for suite in _view.summarize_suites(report):
        rows = [row for row in report.checks if row.suite == suite.name]
        properties = [("verdict", str(suite.verdict))]
        for row in filter(_view.is_open, rows):
            properties.append((f"verdict:{row.id}", f"{row.verdict} ({row.level}): {row.reason}"))
        part = _add_suite(root, suite.name, properties, report, sum(row.seconds or 0 for row in rows))
        for row in rows:
            _add_case(part, row, report, run_path)
    for part in (root, *root):
        cases = list(part.iter("testcase"))
        outcomes = Counter(child.tag for case in cases for child in case)
        part.set("tests", str(len(cases)))
        part.set("failures", str(outcomes["failure"]))
        part.set("errors", str(outcomes["error"]))
        if part is not root:
            part.set("skipped", str(outcomes["skipped"]))
    root.set("time", _format_time(_measure_duration(report)))
    indent(root, "")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, "unicode")}\n'


def _add_suite(
    root: Element, name: str, properties: Iterable[tuple[str, str]], report: Report, seconds: float | None
) -> Element:
    attributes = {"id": str(len(root)), "package": "aiharness", "time": _format_time(seconds)}
    if started := parse_moment(report.run.started):
        attributes["timestamp"] = f"{started:%Y-%m-%dT%H:%M:%S}"
    suite = SubElement(root, "testsuite", {"name": _clean(name), **attributes})
    parent = SubElement(suite, "properties")
    for key, value in properties:
        if value:
            SubElement(parent, "property", name=_clean(key), value=_clean(value))
    return suite


def _add_gate_case(suite: Element, report: Report) -> None:
    run = report.run
    outcome = _TAGS.get(count_run(report), "skipped")
    body = f"{_view.format_headline(report)}: {run.reason}\n{describe_decision(report)}"
    time = _format_time(_measure_duration(report))
    case = SubElement(suite, "testcase", classname=GATE_NAME, name="verdict", time=time)
    _add_outcome(case, outcome, f"{run.verdict}: {run.reason}", run.verdict, body)


def _add_case(suite: Element, row: CheckRow, report: Report, run_path: str) -> None:
    outcome, message = _TAGS.get(count_check(row, report), "skipped"), describe_event(row)
    if row.verdict is Status.INCONCLUSIVE:
        message = f"inconclusive: {message}"
    elif outcome == "skipped" and row.verdict is not Status.SKIPPED:
        outcome = None
    classname, name = split_test_id(row)
    case = SubElement(suite, "testcase", classname=_clean(classname), name=_clean(name), time=_format_time(row.seconds))
    evidence = describe_evidence(row, report, run_path) if _view.is_open(row) else ""
    _add_outcome(case, outcome, message, row.verdict, evidence)


def _add_outcome(case: Element, outcome: str | None, message: str, status: Status, body: str) -> None:
    """What a testcase counts as (failure, error, skipped), or its evidence alone where it counts as passed."""
    if outcome is not None:
        kind = "inconclusive" if status is Status.INCONCLUSIVE else str(status)
        SubElement(case, outcome, message=_clean(message), type=kind).text = make_visible(body, _TEXT)
    elif body:
        SubElement(case, "system-out").text = make_visible(body, _TEXT)


def _list_properties(report: Report) -> list[tuple[str, str]]:
    """What a CI system can read of the run beyond the outcomes."""
    run, target = report.run, report.target
    properties = [
        ("verdict", str(run.verdict)),
        ("reason", run.reason),
        ("exit_status", str(run.exit_status)),
        ("run", run.id),
        ("target", target.url),
        ("protocol", target.protocol),
        ("model", target.model or ""),
        ("version", target.version or ""),
        ("plan", report.plan.hash),
        ("coverage", _view.format_coverage(report)),
        ("checks", _view.format_tally(report.checks)),
        ("load", describe_load(report)),
        (CLIENT_BOUND.lower(), "; ".join(explain_client_bound(report))),
    ]
    for fault in report.faults[:100]:
        properties.append((f"fault:{fault.name or fault.kind}", describe_fault_row(fault)))
    for number, text in enumerate(report.plan.not_judged[:100], 1):
        properties.append((f"not judged:{number}", text))
    return properties


def _measure_duration(report: Report) -> float | None:
    return compute_span(report.run.started, report.run.finished)


def _format_time(value: float | None) -> str:
    return f"{max(0.0, value or 0.0):.3f}"


def _clean(text: str) -> str:
    return fold_line(text, 1000)
