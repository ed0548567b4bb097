"""A report with every picture and section, and the pages that are made beside a report: comparisons, post-mortems."""

from __future__ import annotations

from dataclasses import replace

from harness.chaos.document import render_html
from harness.commands.comparison_pages import draw_times, list_chapters
from harness.core.report import Distribution, Report
from harness.core.run_comparison import compare_runs
from harness.core.verdict import Baseline, Slice, Status
from harness.run.baseline_pictures import add_saved_baseline
from tests.reports.sample_reports import distribution, sample_report, six_suites
from tests.reports.test_proof import prove_sample
from tests.reports.test_reliability import BINS

NEAR = tuple(
    Slice(f"within {0.02 * i:g}", 100, 1 - 0.07 * i, (max(0.0, 0.9 - 0.08 * i), min(1.0, 1.05 - 0.06 * i)))
    for i in range(9)
)
WAIVERS = (
    {"check": "ai-suite/load/test_generator.py::test_kept_up", "owner": "team-a", "reason": "a small CI machine",
     "expires": "2026-03-01", "in_force": True, "state": "lets an INCONCLUSIVE through"},
    {"check": "ai-suite/smoke/test_docs.py::test_openapi", "owner": "team-b", "reason": "known, mended in 1.3",
     "expires": "2025-12-24", "in_force": False, "state": "expired on 2025-12-24: it lets nothing through"},
)  # fmt: skip


def full_report() -> Report:
    """Six suites, with the curve over distance, a reliability diagram, a baseline, waivers, a history and a proof."""
    report = six_suites()
    rows = []
    for row in report.checks:
        if row.metric == "robust accuracy":
            row = replace(row, slices=(*row.slices, *NEAR))
        if row.metric == "accuracy":
            calibrated = replace(row, id=f"{row.id}[ece]", title="ece <= 0.1", objective="ece <= 0.1", slices=BINS)
            rows.append(replace(calibrated, estimate=0.12, ci=(0.1, 0.14), limit=0.1, limit_loosened=0.12))
            row = replace(row, baseline=Baseline("20260124T090000Z-58c1", 0.93, -0.014, (-0.04, 0.012), 0.02))
        rows.append(row)
    older = replace(report, distributions=tuple(_slow_down(report)))
    report = add_saved_baseline(replace(report, checks=tuple(rows)), older, "20260124T090000Z-58c1")
    return prove_sample(replace(report, history=sample_report().history, waivers=WAIVERS))


def _slow_down(report: Report) -> list[Distribution]:
    return [replace(one, bounds=tuple(0.8 * bound for bound in one.bounds)) for one in report.distributions]


def render_runs(report: Report) -> str:
    """The page of `aiharness compare`, with the latencies of both runs."""
    rows = tuple(replace(row, verdict=Status.PASS) for row in report.checks[1:])
    old = replace(report, checks=rows, distributions=(distribution(9_000, (0.8, 1.2), 0.25),),
                  run=replace(report.run, id="earlier", started="2025-01-01T00:00:00+00:00"))  # fmt: skip
    comparison = compare_runs(old, report)
    pictures = draw_times(comparison, old, report)
    assert pictures
    return render_html(comparison.describe_decision(), list(list_chapters(comparison, pictures)), "Two runs compared")
