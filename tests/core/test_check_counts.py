"""Every report counts checks in the same words."""

from __future__ import annotations

import importlib
import re
from dataclasses import replace

import pytest

from harness.core.check_counts import COUNT_ORDER, count_checks, count_judged, name_count
from harness.core.report import Report
from harness.core.verdict import Level, Status
from harness.core.waiver import is_waived
from tests.reports.sample_reports import sample_report

PLAIN = ("terminal", "markdown", "summary", "junit", "html")


def render(name: str, report: Report) -> str:
    text: str = importlib.import_module(f"harness.reports.as_{name}").render(report)
    return " ".join(text.split() if name == "junit" else re.sub(r"<[^>]+>", " ", text).split())


@pytest.mark.parametrize(
    ("verdict", "level", "name"),
    [
        (Status.FAIL, Level.BLOCKER, "FAIL"),
        (Status.FAIL, Level.WARN, "warned"),
        (Status.ERROR, Level.INFO, "warned"),
        (Status.INCONCLUSIVE, Level.WARN, "INCONCLUSIVE"),
        (Status.PASS, Level.WARN, "PASS"),
    ],
)
def test_what_blocks_nothing_is_counted_apart(verdict: Status, level: Level, name: str) -> None:
    assert name_count(verdict, level) == name


def test_each_check_is_counted_once() -> None:
    rows = sample_report().checks
    counts = count_checks(rows)
    assert tuple(counts) == COUNT_ORDER
    assert sum(counts.values()) == len(rows)
    assert count_judged(rows) == sum(row.verdict in (Status.PASS, Status.FAIL) for row in rows)


@pytest.mark.parametrize("name", PLAIN)
def test_every_report_says_the_same_of_one_run(name: str) -> None:
    text = render(name, sample_report())
    assert "19 of 23 checks judged, 1 not applicable" in text
    if name in ("terminal", "markdown", "summary", "junit"):
        assert "2 FAIL, 1 ERROR, 3 INCONCLUSIVE, 1 warned, 16 PASS, 1 SKIPPED" in text


@pytest.mark.parametrize("name", ["terminal", "markdown", "html"])
def test_a_warning_has_its_own_sign_and_says_what_would_make_it_block(name: str) -> None:
    """Nothing beside it looks like a blocker's FAIL, and the suite that it is in has no tick."""
    report = sample_report()
    passing = [row for row in report.checks if row.verdict is Status.PASS]
    test = "ai-suite/smoke/test_shape.py::test_one_shape"
    warning = replace(passing[0], id=test, verdict=Status.FAIL, level=Level.WARN, reason="two shapes", suite="smoke")
    run = replace(report.run, verdict=Status.PASS, exit_status=0, loosened=(), reason="all blockers hold")
    report = replace(report, run=run, checks=(warning, *(row for row in passing if row.suite == "smoke")))
    report = replace(report, waivers=(), history=None)
    text = importlib.import_module(f"harness.reports.as_{name}").render(report)
    plain = " ".join(re.sub(r"<[^>]+>", " ", text).replace("\\", "").replace("&#34;", '"').split())
    assert '[run] block = ["smoke/test_shape.py::test_one_shape"]' in plain
    if name == "terminal":
        assert "▲ FAIL (warn) smoke: two shapes" in text
        assert "▲ smoke" in text
        assert "✗" not in text
    elif name == "markdown":
        assert "❌" not in text
        assert "| smoke | ⚠️ PASS |" in text
    else:
        body = text[text.index("<header") :]
        assert 'class="chip fail"' not in body
        assert "#i-fail" not in body


def test_a_waiver_in_force_is_no_warning_to_raise() -> None:
    waiver = {"check": "smoke/test_a.py::test_b", "in_force": True}
    assert is_waived([waiver], "ai-suite/smoke/test_a.py::test_b[c]")
    assert not is_waived([{**waiver, "in_force": False}], "ai-suite/smoke/test_a.py::test_b")
