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

from harness.core.gate import Exit
from harness.core.report import CheckRow, Report
from harness.core.verdict import Level, Status
from harness.core.visible_text import fold_line, make_visible

from . import _view
from ._causes import describe_answer, describe_event, describe_hint, list_repeat_commands
from ._format import compute_span, format_direction, parse_moment
from ._traffic import CLIENT_BOUND, describe_fault_row, describe_load, explain_client_bound

SUFFIX = ".xml"
_TEXT = 8000


def render(report: Report, *, run_path: str = "") -> str:
    """The report as JUnit XML. `run_path` is the run's directory, for commands that read it (default: the run's id)."""
    root = Element("testsuites", name="aiharness")
    gate = _add_suite(root, "release-gate", _list_properties(report), report, _measure_duration(report))
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
    outcome = {Status.PASS: None, Status.ERROR: "error"}.get(run.verdict, "failure")
    if run.verdict is Status.INCONCLUSIVE and run.exit_status == Exit.PASS:
        outcome = "skipped"
    body = [
        f"{_view.format_headline(report)}: {run.reason}",
        _view.format_coverage(report),
        f"exit status {run.exit_status}",
    ]
    time = _format_time(_measure_duration(report))
    case = SubElement(suite, "testcase", classname="release-gate", name="verdict", time=time)
    _add_outcome(case, outcome, f"{run.verdict}: {run.reason}", run.verdict, "\n".join([*body, *run.loosened]))


def _add_case(suite: Element, row: CheckRow, report: Report, run_path: str) -> None:
    outcome = {Status.FAIL: "failure", Status.ERROR: "error", Status.SKIPPED: "skipped"}.get(row.verdict)
    message = describe_event(row)
    if row.verdict is Status.INCONCLUSIVE:
        # With exit status 0 an INCONCLUSIVE blocker was let through on purpose.
        let_through = report.run.exit_status == Exit.PASS or row.level is not Level.BLOCKER
        outcome, message = "skipped" if let_through else "failure", f"inconclusive: {message}"
    elif row.level is not Level.BLOCKER and row.verdict in (Status.FAIL, Status.ERROR):
        outcome = None
    classname, name = _split_id(row)
    case = SubElement(suite, "testcase", classname=_clean(classname), name=_clean(name), time=_format_time(row.seconds))
    evidence = _describe_evidence(row, report, run_path) if _view.is_open(row) else ""
    _add_outcome(case, outcome, message, row.verdict, evidence)


def _add_outcome(case: Element, outcome: str | None, message: str, status: Status, body: str) -> None:
    """What a testcase counts as (failure, error, skipped), or its evidence alone where it counts as passed."""
    if outcome is not None:
        kind = "inconclusive" if status is Status.INCONCLUSIVE else str(status)
        SubElement(case, outcome, message=_clean(message), type=kind).text = make_visible(body, _TEXT)
    elif body:
        SubElement(case, "system-out").text = make_visible(body, _TEXT)


def _describe_evidence(row: CheckRow, report: Report, run_path: str) -> str:
    parts = [f"{row.verdict} ({row.level}): {row.reason}", f"checked: {row.title}"]
    if row.estimate is not None:
        parts.append(
            f"{row.metric or 'estimate'}: {_view.format_figure(row, row.estimate)}, bounds {_view.format_bounds(row)}, "
            f"limit {format_direction(row.direction)} {_view.format_figure(row, row.limit)}, n {row.n}"
        )
    if example := _view.find_smallest(row):
        parts += [f"counterexample: {example.summary}", describe_answer(row)]
        if example.curl:
            parts.append(f"curl: {example.curl}")
    parts += [
        describe_hint(row),
        f"again: {list_repeat_commands(row, report, run_path)[-1]}",
        _view.advise_on(row),
        *row.notes,
    ]
    return "\n".join(filter(None, parts))


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


def _split_id(row: CheckRow) -> tuple[str, str]:
    """`ai-suite/smoke/test_a.py::TestX::test_b[c]` as (`ai-suite.smoke.test_a.TestX`, `test_b[c]`)."""
    test, bracket, case = row.id.partition("[")
    module, _, name = test.rpartition("::")
    classname = module.replace(".py", "").replace("::", ".").replace("/", ".") or row.suite
    return classname, f"{name}{bracket}{case}"


def _measure_duration(report: Report) -> float | None:
    return compute_span(report.run.started, report.run.finished)


def _format_time(value: float | None) -> str:
    return f"{max(0.0, value or 0.0):.3f}"


def _clean(text: str) -> str:
    return fold_line(text, 1000)
