"""JUnit against the content model of Jenkins' junit-10.xsd, written down here as tables."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from harness.core.report import Report
from harness.core.verdict import Level, Status

if TYPE_CHECKING:
    from tests.reports.conftest import Render

CHILDREN = {
    "testsuites": {"testsuite"},
    "testsuite": {"testsuite", "properties", "testcase", "system-out", "system-err"},
    "properties": {"property"},
    "testcase": {"skipped", "error", "failure", "system-out", "system-err"},
}
OUTCOME = {"message", "type"}
ATTRIBUTES = {
    "testsuites": {"name", "time", "tests", "failures", "errors"},
    "testsuite": {"name", "tests", "failures", "errors", "time", "skipped", "timestamp", "id", "package"},
    "testcase": {"name", "time", "classname"},
    "property": {"name", "value"},
    **dict.fromkeys(("skipped", "error", "failure"), OUTCOME),
}
REQUIRED = {
    "testsuite": {"name", "tests", "failures", "errors"},
    "testcase": {"name"},
    "property": {"name", "value"},
}


def check(element: ET.Element) -> None:
    """Raise where the element breaks the schema."""
    tag, given = element.tag, set(element.attrib)
    assert given <= ATTRIBUTES.get(tag, set()), f"{tag}: {given}"
    assert REQUIRED.get(tag, set()) <= given
    if "time" in given:
        assert re.fullmatch(r"\d+\.\d{3}", element.attrib["time"])
    if "timestamp" in given:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", element.attrib["timestamp"])
    for child in element:
        assert child.tag in CHILDREN.get(tag, set()), f"{child.tag} in {tag}"
        check(child)


def parse_report(text: str) -> ET.Element:
    root = ET.fromstring(text.encode())
    check(root)
    return root


def case_of(root: ET.Element, name: str) -> ET.Element:
    cases = [case for case in root.iter("testcase") if case.get("name") == name]
    assert len(cases) == 1
    return cases[0]


@pytest.mark.parametrize("kind", ["sample", "six", "empty", "hostile", "huge"])
def test_every_report_is_valid_and_its_counts_are_right(
    kind: str, render: Render, request: pytest.FixtureRequest
) -> None:
    report: Report = request.getfixturevalue(kind)
    root = parse_report(render("junit", report))
    for suite in root:
        cases = suite.findall("testcase")
        assert suite.get("tests") == str(len(cases))
        for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert suite.get(attribute) == str(sum(case.find(tag) is not None for case in cases))
    assert len(list(root.iter("testcase"))) == len(report.checks) + 1
    assert root.get("failures") == str(len(list(root.iter("failure"))))


@pytest.mark.parametrize(
    ("status", "level", "tag", "kind"),
    [
        (Status.FAIL, Level.BLOCKER, "failure", "FAIL"),
        (Status.INCONCLUSIVE, Level.BLOCKER, "failure", "inconclusive"),
        (Status.ERROR, Level.BLOCKER, "error", "ERROR"),
        (Status.SKIPPED, Level.BLOCKER, "skipped", "SKIPPED"),
        (Status.INCONCLUSIVE, Level.WARN, "skipped", "inconclusive"),
        (Status.FAIL, Level.WARN, "system-out", None),
        (Status.ERROR, Level.INFO, "system-out", None),
        (Status.PASS, Level.BLOCKER, None, None),
    ],
)
def test_each_verdict_has_its_outcome(
    status: Status, level: Level, tag: str | None, kind: str | None, sample: Report, render: Render
) -> None:
    row = replace(
        sample.checks[0], verdict=status, level=level, reason="so it is", id="ai-suite/smoke/test_a.py::test_b"
    )
    root = parse_report(render("junit", replace(sample, checks=(row,))))
    case = case_of(root, "test_b")
    assert case.get("classname") == "ai-suite.smoke.test_a"
    assert [child.tag for child in case] == ([tag] if tag else [])
    if tag:
        assert case[0].get("type") == kind
        assert "so it is" in (case[0].get("message") or "") + (case[0].text or "")
    properties = {p.get("name"): p.get("value") for p in root.iter("property")}
    shown = properties.get("verdict:ai-suite/smoke/test_a.py::test_b")
    assert shown == (f"{status} ({level}): so it is" if status not in (Status.PASS, Status.SKIPPED) else None)


@pytest.mark.parametrize(
    ("verdict", "exit_status", "tag"),
    [
        (Status.PASS, 0, None),
        (Status.FAIL, 1, "failure"),
        (Status.INCONCLUSIVE, 20, "failure"),
        (Status.ERROR, 21, "error"),
        (Status.INCONCLUSIVE, 0, "skipped"),
    ],
)
def test_the_gate_is_a_test_of_its_own(
    verdict: Status, exit_status: int, tag: str | None, passing: Report, render: Render
) -> None:
    run = replace(passing.run, verdict=verdict, exit_status=exit_status)
    case = case_of(parse_report(render("junit", replace(passing, run=run))), "verdict")
    assert case.get("classname") == "release-gate"
    outcomes = [child.tag for child in case if child.tag != "system-out"]
    assert outcomes == ([tag] if tag else [])


def test_a_let_through_inconclusive_is_neither_green_nor_red(sample: Report, render: Render) -> None:
    row = replace(sample.checks[0], verdict=Status.INCONCLUSIVE, id="ai-suite/smoke/test_a.py::test_b")
    run = replace(sample.run, verdict=Status.INCONCLUSIVE, exit_status=0)
    root = parse_report(render("junit", replace(sample, run=run, checks=(row,))))
    assert [child.tag for child in case_of(root, "test_b")] == ["skipped"]


def test_names_are_unique(sample: Report, render: Render) -> None:
    root = parse_report(render("junit", sample))
    named = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    assert len(named) == len(set(named))


def test_a_failure_carries_its_replay_lines(sample: Report, render: Render) -> None:
    failure = case_of(parse_report(render("junit", sample)), "test_malformed[truncated]").find("failure")
    assert failure is not None
    assert "curl: curl -sS -i -X POST" in (failure.text or "")
    assert (failure.get("message") or "").startswith("answered 500 where a 4xx is due")
    assert "answer: HTTP 500 <html><body>Internal Server Error</body></html>" in (failure.text or "")
    assert "again: aiharness rerun 20260131T120000Z-7f3a " in (failure.text or "")
    assert "again: aiharness rerun " in (failure.text or "")
    assert "pytest" not in (failure.text or "").replace("test_", "")
