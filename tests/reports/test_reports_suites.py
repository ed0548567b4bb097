"""What the six suites bring to every format: their verdicts, the load's generator, the faults, what was not judged."""

from __future__ import annotations

import importlib
import math
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from harness.core.report import FaultRow, Generator, Report
from harness.core.verdict import Level, Status

if TYPE_CHECKING:
    from tests.reports.conftest import Render

view = importlib.import_module("harness.reports._view")
traffic = importlib.import_module("harness.reports._traffic")


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        ([(Status.PASS, Level.BLOCKER), (Status.FAIL, Level.BLOCKER), (Status.ERROR, Level.BLOCKER)], Status.FAIL),
        ([(Status.INCONCLUSIVE, Level.BLOCKER), (Status.ERROR, Level.BLOCKER)], Status.ERROR),
        ([(Status.PASS, Level.BLOCKER), (Status.FAIL, Level.WARN)], Status.PASS),
        ([(Status.PASS, Level.BLOCKER), (Status.SKIPPED, Level.BLOCKER)], Status.PASS),
        ([(Status.PASS, Level.WARN)], Status.INCONCLUSIVE),
        ([(Status.SKIPPED, Level.BLOCKER)], Status.INCONCLUSIVE),
        ([], Status.INCONCLUSIVE),
    ],
)
def test_a_suite_is_judged_by_its_blockers(found: list[tuple[Status, Level]], verdict: Status, passing: Report) -> None:
    rows = tuple(replace(passing.checks[0], suite="load", verdict=status, level=level) for status, level in found)
    (suite,) = view.summarize_suites(replace(passing, checks=rows, plan=replace(passing.plan, suites=("load",))))
    assert (suite.name, suite.verdict) == ("load", verdict)
    assert bool(suite.why) == (verdict is not Status.PASS or any(level is Level.WARN for _, level in found))


def test_each_suite_has_its_verdict_at_the_top_of_the_page(six: Report, render: Render) -> None:
    html = render("html", six)
    table = html[html.index('id="h-suites"') : html.index('id="h-estimates"')]
    rows = {row.split("<")[0]: row for row in table.split('<th scope="row">')[1:]}
    expected = {"smoke": "PASS", "integration": "PASS", "validation": "PASS", "load": "INCONCLUSIVE",
                "adversarial": "FAIL", "chaos": "FAIL"}  # fmt: skip
    assert list(rows) == list(expected)
    for name, verdict in expected.items():
        assert f'class="chip {verdict.lower()}"' in rows[name]
    assert "60 of 100 inputs were not robust" in rows["adversarial"]


def test_failures_stand_first_and_the_first_lines_count_what_was_not_judged(six: Report, render: Render) -> None:
    html, text = render("html", six), render("markdown", six)
    assert html.index("Not judged (1)") < html.index('id="h-next"') < html.index('id="h-suites"')
    assert html.index('id="h-suites"') < html.index('<h2 id="h-not"') < html.index("no [data] golden is configured")
    assert text.index("1 check not judged") < text.index("####") < text.index("| Suite |")
    assert text.index("| Suite |") < text.index("### Not judged")


def test_the_page_shows_generator_faults_curve_and_load(six: Report, render: Render) -> None:
    html = render("html", six)
    for words in (
        "CLIENT-BOUND", "43.2 of 50 requests/s were sent", "the load generator used 97 % of its core",
        "NOT CONFIRMED: no sign that it took effect", "NOT recovered in 10.0 s", "not lifted", "recovered in 0.4 s",
        "Robust accuracy over queries: robust_accuracy &gt;= 0.7", "latency under load: percentile spectrum",
        "time to first token (ttft) under load: cumulative share", "distance: 0.1",
    ):  # fmt: skip
        assert words in html, words
    assert html.count('class="asked"') == 2


def test_a_load_that_kept_up_and_faults_that_landed_bear_no_mark(passing: Report, render: Render) -> None:
    for name in ("html", "markdown", "junit", "terminal"):
        text = render(name, passing)
        assert "client-bound" not in text.lower()
        assert "NOT " not in text


@pytest.mark.parametrize(
    ("made", "bound"),
    [
        (Generator(50.0, 50.0, 0.004, 0.3), 0),
        (Generator(50.0, 48.9, 0.004, 0.3), 1),
        (Generator(50.0, 50.0, 0.030, 0.95), 1),
        (Generator(), 0),
        (Generator(math.nan, math.nan, math.nan, math.nan), 0),
        (None, 0),
    ],
)
def test_the_generator_is_marked_by_the_load_suites_own_rule(
    made: Generator | None, bound: int, passing: Report
) -> None:
    assert len(traffic.explain_client_bound(replace(passing, generator=made))) == bound


def test_a_load_row_that_says_so_marks_the_generator_too(six: Report) -> None:
    marked = replace(six, generator=Generator(50.0, 50.0, 0.001, 0.2))
    assert traffic.explain_client_bound(marked)[0].startswith("the load generator did not keep up")


def test_faults_are_summed_up_by_what_is_wrong_with_them(six: Report, passing: Report) -> None:
    assert traffic.summarize_faults(six.faults) == (
        "6 faults, 1 not confirmed (timeout), 1 not lifted (truncate stream), 1 not recovered (down)"
    )
    assert traffic.summarize_faults(passing.faults) == "6 faults, each confirmed and followed by recovery"
    assert traffic.summarize_faults(()) == ""
    assert traffic.summarize_faults([FaultRow("kill", "b", 1.0, 2.0, "probe")]) == "1 fault"


def test_markdown_has_a_row_for_each_suite_and_each_fault(six: Report, render: Render) -> None:
    text = render("markdown", six)
    assert "| load | ❔ INCONCLUSIVE |  |  | 2 |  |  |" in text
    assert "| down on link gateway | confirmed by probe | NOT recovered in 10.0 s | 130 s | 16 |" in text
    assert "**CLIENT-BOUND**, the load generator used 97 % of its core" in text


def test_junit_carries_faults_load_and_each_suites_verdict(six: Report, render: Render) -> None:
    root = ET.fromstring(render("junit", six).encode())
    gate, *suites = root.findall("testsuite")
    properties = {p.get("name"): p.get("value") or "" for p in gate.iter("property")}
    assert properties["load"].startswith("43.2 of 50 requests/s sent")
    assert "97 % of its core" in properties["client-bound"]
    assert properties["fault:down"].endswith("confirmed by probe, NOT recovered in 10.0 s")
    assert "golden" in properties["not judged:1"]
    verdicts = {s.get("name"): next(p.get("value") for p in s.iter("property")) for s in suites}
    assert verdicts["chaos"] == "FAIL"
    assert verdicts["smoke"] == "PASS"


def test_a_run_of_six_suites_that_passes_is_short_in_a_terminal(passing: Report, render: Render) -> None:
    lines = render("terminal", passing).splitlines()
    assert len(lines) <= 25
    assert "  6 faults, each confirmed and followed by recovery" in lines
    assert "  load: 49.9 of 50 requests/s sent, p99 send delay 3 ms, 41 % of one CPU core" in lines


def test_a_terminal_names_failures_before_the_suites(six: Report, render: Render) -> None:
    text = render("terminal", six)
    assert text.index("✗ FAIL adversarial") < text.index("✓ smoke")
    assert "! CLIENT-BOUND: the load generator used 97 % of its core" in text


def test_a_long_body_does_not_hide_what_follows_it_and_a_long_command_is_named(six: Report, render: Render) -> None:
    row = next(row for row in six.checks if row.counterexamples)
    example = row.counterexamples[0]
    long = replace(example, request={"body": "x" * 50_000, "distance": 0.1}, curl="curl " + "y" * 50_000)
    html = render("html", replace(six, checks=(replace(row, counterexamples=(long,)),)))
    shown = html[: html.index('id="gate"')]
    assert "distance: 0.1" in shown
    assert "A command of 50,005 characters: see gate.json." in shown
    assert "y" * 100 not in shown
