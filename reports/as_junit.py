"""JUnit XML, valid against Jenkins' `junit-10.xsd`, the strictest schema that CI systems check.

A blocker's FAIL is a failure of type `FAIL`, its INCONCLUSIVE a failure of type `inconclusive` (no CI shows it green),
its ERROR an error. What is only warn or info never fails: FAIL and ERROR pass with a note in `system-out` and a suite
property, INCONCLUSIVE is skipped. A first suite `release-gate` holds one test that fails unless the gate says PASS.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from harness.core.gate import Exit
from harness.core.report import CheckRow, Report
from harness.core.verdict import Level, Status

from ._format import interval, moment, quantity, sign, span
from ._text import line, visible
from ._traffic import CLIENT_BOUND, bound, fault_line, load_line
from ._view import advice, coverage, headline, pytest_line, smallest, suites, tally

SUFFIX = ".xml"
_TEXT = 8000


def render(report: Report) -> str:
    """The report as JUnit XML."""
    root = Element("testsuites", name="aiharness")
    gate = _suite(root, "release-gate", _gate_properties(report), report, _duration(report))
    _gate_case(gate, report)
    for suite in suites(report):
        rows = [row for row in report.checks if row.suite == suite.name]
        properties = [("verdict", str(suite.verdict)), *_row_properties(rows)]
        part = _suite(root, suite.name, properties, report, sum(row.seconds or 0 for row in rows))
        for row in rows:
            _case(part, row, report)
    for part in (root, *root):
        outcomes = Counter(inside.tag for case in part.iter("testcase") for inside in case)
        part.set("tests", str(sum(1 for _ in part.iter("testcase"))))
        part.set("failures", str(outcomes["failure"]))
        part.set("errors", str(outcomes["error"]))
        if part is not root:
            part.set("skipped", str(outcomes["skipped"]))
    root.set("time", _seconds(_duration(report)))
    indent(root, "")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, "unicode")}\n'


def _suite(
    root: Element, name: str, properties: Iterable[tuple[str, str]], report: Report, seconds: float | None
) -> Element:
    number, started = str(len(root)), moment(report.run.started)
    suite = SubElement(root, "testsuite", name=_attr(name), id=number, package="aiharness", time=_seconds(seconds))
    if started:
        suite.set("timestamp", f"{started:%Y-%m-%dT%H:%M:%S}")
    listed = SubElement(suite, "properties")
    for key, value in properties:
        SubElement(listed, "property", name=_attr(key), value=_attr(value))
    return suite


def _gate_case(suite: Element, report: Report) -> None:
    run = report.run
    outcome = {Status.PASS: None, Status.ERROR: "error"}.get(run.verdict, "failure")
    if run.verdict is Status.INCONCLUSIVE and run.exit_status == Exit.PASS:
        outcome = "skipped"
    body = [f"{headline(report)}: {run.reason}", coverage(report), f"exit status {run.exit_status}", *run.loosened]
    case = SubElement(suite, "testcase", classname="release-gate", name="verdict", time=_seconds(_duration(report)))
    _outcome(case, outcome, f"{run.verdict}: {run.reason}", run.verdict, "\n".join(body))


def _case(suite: Element, row: CheckRow, report: Report) -> None:
    outcome = {Status.FAIL: "failure", Status.ERROR: "error", Status.SKIPPED: "skipped"}.get(row.verdict)
    message = f"{row.title}: {row.reason}"
    if row.verdict is Status.INCONCLUSIVE:
        # With exit status 0 an INCONCLUSIVE blocker was let through on purpose.
        let_through = report.run.exit_status == Exit.PASS or row.level is not Level.BLOCKER
        outcome, message = "skipped" if let_through else "failure", f"inconclusive: {message}"
    elif row.level is not Level.BLOCKER and row.verdict in (Status.FAIL, Status.ERROR):
        outcome = None
    classname, name = _name(row)
    case = SubElement(suite, "testcase", classname=_attr(classname), name=_attr(name), time=_seconds(row.seconds))
    body = "" if row.verdict in (Status.PASS, Status.SKIPPED) else _evidence(row, report)
    _outcome(case, outcome, message, row.verdict, body)


def _outcome(case: Element, outcome: str | None, message: str, status: Status, body: str) -> None:
    """What a testcase counts as (failure, error, skipped), or its evidence alone where it counts as passed."""
    if outcome is not None:
        kind = "inconclusive" if status is Status.INCONCLUSIVE else str(status)
        SubElement(case, outcome, message=_attr(message), type=kind).text = visible(body, _TEXT)
    elif body:
        SubElement(case, "system-out").text = visible(body, _TEXT)


def _evidence(row: CheckRow, report: Report) -> str:
    parts = [f"{row.verdict} ({row.level}): {row.reason}"]
    if row.estimate is not None:
        parts.append(
            f"{row.metric or 'estimate'}: {quantity(row.estimate, row.unit, row.metric)}, "
            f"bounds {interval(row.ci, row.unit, row.metric)}, limit {sign(row.direction)} "
            f"{quantity(row.limit, row.unit, row.metric)}, n {row.n}"
        )
    example = smallest(row)
    if example is not None:
        parts.append(f"counterexample: {example.summary}")
        if example.curl:
            parts.append(f"curl: {example.curl}")
    parts += [f"replay: {pytest_line(row, report)}", advice(row), *row.notes]
    return "\n".join(part for part in parts if part)


def _gate_properties(report: Report) -> list[tuple[str, str]]:
    run, target = report.run, report.target
    found = [
        ("verdict", str(run.verdict)),
        ("reason", run.reason),
        ("exit_status", str(run.exit_status)),
        ("run", run.id),
        ("target", target.url),
        ("protocol", target.protocol),
        ("model", target.model or ""),
        ("version", target.version or ""),
        ("plan", report.plan.hash),
        ("coverage", coverage(report)),
        ("checks", tally(report.checks)),
        ("load", load_line(report)),
        (CLIENT_BOUND.lower(), "; ".join(bound(report))),
        *((f"fault:{fault.name or fault.kind}", fault_line(fault)) for fault in report.faults[:100]),
        *((f"not judged:{i}", text) for i, text in enumerate(report.plan.not_judged[:100], 1)),
    ]
    return [(key, value) for key, value in found if value]


def _row_properties(rows: Iterable[CheckRow]) -> list[tuple[str, str]]:
    """What a reader of properties needs beyond the outcomes: the verdict of each row that is not PASS or SKIPPED."""
    open_ = (row for row in rows if row.verdict not in (Status.PASS, Status.SKIPPED))
    return [(f"verdict:{row.id}", f"{row.verdict} ({row.level}): {row.reason}") for row in open_]


def _name(row: CheckRow) -> tuple[str, str]:
    """`ai-suite/smoke/test_a.py::TestX::test_b[c]` as (`ai-suite.smoke.test_a.TestX`, `test_b[c]`)."""
    test, bracket, case = row.id.partition("[")
    module, _, name = test.rpartition("::")
    classname = module.replace(".py", "").replace("::", ".").replace("/", ".") or row.suite
    return classname, f"{name}{bracket}{case}"


def _duration(report: Report) -> float | None:
    return span(report.run.started, report.run.finished)


def _seconds(value: float | None) -> str:
    return f"{max(0.0, value or 0.0):.3f}"


def _attr(text: str) -> str:
    return line(text, 1000)
