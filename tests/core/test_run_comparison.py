"""Two runs side by side: what fails newly decides, and figures are judged only where their bounds do not overlap."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.core.report import CheckRow, Distribution, PlanInfo, Report, RunInfo, Target
from harness.core.run_comparison import compare_runs
from harness.core.verdict import Level, Status

PASS, FAIL, INCONCLUSIVE, ERROR, SKIPPED = (
    Status.PASS,
    Status.FAIL,
    Status.INCONCLUSIVE,
    Status.ERROR,
    Status.SKIPPED,
)


def make_row(name: str, verdict: Status, level: Level = Level.BLOCKER) -> CheckRow:
    return CheckRow(name, "smoke", level, name, "contract", verdict, "a reason")


def make_report(*rows: CheckRow, latencies: tuple[int, ...] = ()) -> Report:
    run = RunInfo("run", "", "", 0, PASS, "", False)
    parts = (Distribution("latency", "s", (0.0, 0.01, 0.1, 1.0), latencies),) if latencies else ()
    return Report(run, Target("http://a", "v2"), PlanInfo("0", len(rows), len(rows)), rows, parts)


@pytest.mark.parametrize(
    ("old", "new", "change", "status"),
    [
        (PASS, FAIL, "newly failing", 1),
        (INCONCLUSIVE, FAIL, "newly failing", 1),
        (None, FAIL, "only in NEW", 20),
        (FAIL, PASS, "mended", 0),
        (ERROR, PASS, "mended", 0),
        (FAIL, FAIL, "unchanged", 0),
        (PASS, PASS, "unchanged", 0),
        (PASS, INCONCLUSIVE, "undecided now", 20),
        (FAIL, ERROR, "undecided now", 20),
        (PASS, None, "only in OLD", 20),
        (INCONCLUSIVE, PASS, "decided now", 0),
        (INCONCLUSIVE, ERROR, "unchanged", 0),
        (SKIPPED, None, "only in OLD", 0),
        (None, PASS, "only in NEW", 0),
    ],
)
def test_what_became_of_a_check(old: Status | None, new: Status | None, change: str, status: int) -> None:
    common = make_row("common", PASS)
    before, after = (make_report(common, *([make_row("x", verdict)] if verdict else [])) for verdict in (old, new))
    comparison = compare_runs(before, after)
    assert {check.id: check.change for check in comparison.checks} == {"common": "unchanged", "x": change}
    assert comparison.exit_status == status


def test_a_warning_that_fails_newly_is_listed_and_does_not_decide() -> None:
    before, after = (
        make_report(make_row("common", PASS), make_row("x", verdict, Level.WARN)) for verdict in (PASS, FAIL)
    )
    comparison = compare_runs(before, after)
    assert comparison.checks[0].change == "newly failing"
    assert comparison.exit_status == 0


def test_runs_without_a_common_decided_check_decide_nothing() -> None:
    assert compare_runs(make_report(), make_report()).exit_status == 20
    undecided = make_report(make_row("x", INCONCLUSIVE))
    assert compare_runs(undecided, undecided).exit_status == 20
    assert compare_runs(make_report(), make_report(make_row("x", PASS))).exit_status == 20


@pytest.mark.parametrize(
    ("direction", "old", "new", "verdict"),
    [
        ("<=", (0.01, 0.02), (0.03, 0.05), "worse"),
        ("<=", (0.01, 0.04), (0.03, 0.05), "overlap"),
        ("<=", (0.03, 0.05), (0.01, 0.02), "better"),
        (">=", (0.90, 0.95), (0.80, 0.85), "worse"),
        (">=", (0.80, 0.85), (0.90, 0.95), "better"),
        ("<=", (None, 0.02), (0.03, None), "worse"),
        ("<=", None, (0.03, 0.05), "overlap"),
    ],
)
def test_estimates_are_judged_by_their_bounds(
    direction: str, old: tuple[float, float] | None, new: tuple[float, float], verdict: str
) -> None:
    rows = [
        replace(make_row("x", PASS), metric="m", direction=direction, objective="m", estimate=0.5, ci=bounds)
        for bounds in (old, new)
    ]
    [figure] = compare_runs(make_report(rows[0]), make_report(rows[1])).figures
    assert figure.verdict == verdict


def test_other_objectives_are_not_compared() -> None:
    rows = [
        replace(make_row("x", PASS), metric="m", objective=text, estimate=0.5, ci=(0.4, 0.6)) for text in ("a", "b")
    ]
    assert compare_runs(make_report(rows[0]), make_report(rows[1])).figures == ()


def test_latencies_have_percentiles_and_no_verdict() -> None:
    before, after = make_report(latencies=(90, 10, 0)), make_report(latencies=(10, 80, 10))
    figures = {figure.what: figure for figure in compare_runs(before, after).figures}
    assert (figures["latency p50"].old, figures["latency p50"].new) == (0.01, 0.1)
    assert (figures["latency p95"].old, figures["latency p95"].new) == (0.1, 1.0)
    assert {figure.verdict for figure in figures.values()} == {"no bounds"}


def test_what_else_differs_is_named() -> None:
    after = replace(make_report(), target=Target("http://b", "v2"))
    assert compare_runs(make_report(), after).differences == ("target: http://a in OLD, http://b in NEW",)
