"""JUnit XML, valid against Jenkins' `junit-10.xsd`, the strictest schema that CI systems check.

A blocker's FAIL is a failure of type `FAIL`, its INCONCLUSIVE a failure of type `inconclusive` (no CI shows it green),
its ERROR an error. What is only warn or info never fails: FAIL and ERROR pass with a note in `system-out` and a suite
property, INCONCLUSIVE is skipped. A first suite `release-gate` holds one test that fails unless the gate says PASS.
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import escape, quoteattr

from harness.core.gate import Exit
from harness.core.report import CheckRow, Report
from harness.core.verdict import Level, Status

from ._format import interval, moment, quantity, sign, span
from ._text import line, visible
from ._traffic import CLIENT_BOUND, bound, fault_line, load_line
from ._view import advice, coverage, headline, pytest_line, smallest, suites, tally

SUFFIX = ".xml"
_TEXT = 8000


class _Case:
    """One testcase: its XML and what it counts as (failures, errors, skipped or nothing)."""

    def __init__(self, head: str, outcome: str | None, message: str, kind: str, body: str) -> None:
        self.outcome = outcome
        if outcome is None:
            inside = f"<system-out>{_text(body)}</system-out>" if body else ""
        else:
            tag = {"failures": "failure", "errors": "error", "skipped": "skipped"}[outcome]
            inside = f"<{tag} message={_attr(message)} type={_attr(kind)}>{_text(body)}</{tag}>"
        self.xml = f"{head}>{inside}</testcase>" if inside else f"{head}/>"


def render(report: Report) -> str:
    """The report as JUnit XML."""
    parts = [_suite("release-gate", 0, [_gate_case(report)], _gate_properties(report), report)]
    let_through = report.run.exit_status == Exit.PASS
    for number, suite in enumerate(suites(report), start=1):
        rows = [row for row in report.checks if row.suite == suite.name]
        cases = [_case(row, report, let_through=let_through) for row in rows]
        properties = [("verdict", str(suite.verdict)), *_row_properties(rows)]
        parts.append(_suite(suite.name, number, cases, properties, report, sum(row.seconds or 0 for row in rows)))
    totals = _counts([case for _, found in parts for case in found])
    head = f'<testsuites name="aiharness" {totals} time="{_seconds(_duration(report))}">'
    body = "\n".join(xml for xml, _ in parts)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{head}\n{body}\n</testsuites>\n'


def _suite(
    name: str,
    number: int,
    cases: list[_Case],
    properties: Iterable[tuple[str, str]],
    report: Report,
    seconds: float | None = None,
) -> tuple[str, list[_Case]]:
    skipped = sum(case.outcome == "skipped" for case in cases)
    started = moment(report.run.started)
    stamp = f' timestamp="{started:%Y-%m-%dT%H:%M:%S}"' if started else ""
    time = _seconds(_duration(report) if seconds is None else seconds)
    head = f'<testsuite name={_attr(name)} id="{number}" package="aiharness" {_counts(cases)} skipped="{skipped}"'
    inside = "".join(f"<property name={_attr(key)} value={_attr(value)}/>\n" for key, value in properties)
    listed = f"<properties>\n{inside}</properties>\n" if inside else ""
    body = "\n".join(case.xml for case in cases)
    return f'{head} time="{time}"{stamp}>\n{listed}{body}\n</testsuite>', cases


def _gate_case(report: Report) -> _Case:
    run = report.run
    outcome = {Status.PASS: None, Status.ERROR: "errors"}.get(run.verdict, "failures")
    if run.verdict is Status.INCONCLUSIVE and run.exit_status == Exit.PASS:
        outcome = "skipped"
    body = [f"{headline(report)}: {run.reason}", coverage(report), f"exit status {run.exit_status}", *run.loosened]
    kind = _kind(run.verdict)
    head = f'<testcase classname="release-gate" name="verdict" time="{_seconds(_duration(report))}"'
    return _Case(head, outcome, f"{run.verdict}: {run.reason}", kind, "\n".join(body))


def _case(row: CheckRow, report: Report, *, let_through: bool) -> _Case:
    """`let_through`: the run ended with exit status 0, so an INCONCLUSIVE blocker was let through on purpose."""
    outcome = {Status.FAIL: "failures", Status.ERROR: "errors", Status.SKIPPED: "skipped"}.get(row.verdict)
    message = f"{row.title}: {row.reason}"
    if row.verdict is Status.INCONCLUSIVE:
        outcome = "skipped" if let_through or row.level is not Level.BLOCKER else "failures"
        message = f"inconclusive: {message}"
    elif row.level is not Level.BLOCKER and row.verdict in (Status.FAIL, Status.ERROR):
        outcome = None
    classname, name = _name(row)
    head = f'<testcase classname={_attr(classname)} name={_attr(name)} time="{_seconds(row.seconds)}"'
    body = "" if row.verdict in (Status.PASS, Status.SKIPPED) else _evidence(row, report)
    return _Case(head, outcome, message, _kind(row.verdict), body)


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


def _kind(status: Status) -> str:
    return "inconclusive" if status is Status.INCONCLUSIVE else str(status)


def _counts(cases: list[_Case]) -> str:
    failures, errors = (sum(case.outcome == what for case in cases) for what in ("failures", "errors"))
    return f'tests="{len(cases)}" failures="{failures}" errors="{errors}"'


def _duration(report: Report) -> float | None:
    return span(report.run.started, report.run.finished)


def _seconds(value: float | None) -> str:
    return f"{max(0.0, value or 0.0):.3f}"


def _attr(text: str) -> str:
    return quoteattr(line(text, 1000))


def _text(text: str) -> str:
    return escape(visible(text, _TEXT))
