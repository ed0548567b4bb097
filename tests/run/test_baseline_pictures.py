"""A report has what its baseline had beside it: histograms and estimates of the same samples, and no others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from harness.core.report import Distribution, Report
from harness.core.verdict import Baseline, Status, Verdict
from harness.run.baseline_pictures import add_saved_baseline, add_second_endpoint
from harness.run.kept_samples import KeptSamples
from harness.stats.histogram import Histogram
from tests.run.saved import make_plan, save_and_report

SHARE = Verdict(Status.PASS, "1 of 500", n=500, estimate=0.002, metric="share over the limit")
OURS = Distribution("latency", "s", (0.1, 0.2), (5,), (0.5,))


def make_report(folder: Path, estimate: float, *distributions: Distribution) -> Report:
    report = save_and_report(folder, make_plan(1, kind="estimate"), ("c0", replace(SHARE, estimate=estimate)))
    return replace(report, distributions=distributions)


def test_only_the_same_samples_of_a_saved_run_are_put_beside(tmp_path: Path) -> None:
    others = (replace(OURS, suite="load"), replace(OURS, metric="ttft"), replace(OURS, source="the judged requests"))
    older = make_report(tmp_path / "old", 0.001, *others, replace(OURS, bounds=(0.2, 0.4), counts=(7,)))
    report = add_saved_baseline(make_report(tmp_path / "new", 0.002, OURS), older, "old")
    (shown,) = report.distributions
    assert shown.baseline is not None
    assert (shown.baseline.run, shown.baseline.bounds, shown.baseline.counts) == ("old", (0.2, 0.4), (7,))
    assert (shown.bounds, shown.counts, shown.limits) == (OURS.bounds, OURS.counts, OURS.limits)
    assert report.checks[0].baseline == Baseline("old", 0.001)
    assert (report.run, report.checks[0].verdict) == (report.run, Status.PASS)
    alone = add_saved_baseline(
        make_report(tmp_path / "alone", 0.002, OURS), replace(older, distributions=others), "old"
    )
    assert alone.distributions == (OURS,)
    other_rule = replace(older, checks=(replace(older.checks[0], objective="another"),))
    assert add_saved_baseline(make_report(tmp_path / "rule", 0.002), other_rule, "old").checks[0].baseline is None


def count(values: list[float]) -> Histogram:
    histogram = Histogram()
    histogram.add(values)
    return histogram


def test_both_sides_of_a_load_in_turns_and_of_an_objective_are_shown(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    ours, theirs = rng.exponential(0.1, 300), rng.exponential(0.2, 300)
    load = {
        "histograms": {"latency": count(list(ours)).to_sparse()},
        "baseline": {"histograms": {"latency": count([*theirs, float("inf")]).to_sparse()}},
        "baseline_url": "http://old:1",
    }
    sample = KeptSamples("c", "smoke", "ttft", "ttft p95 <= 1 s", values=[0.1, None], due=[0, 1], baseline=[0.2, 0.3])
    errors = replace(sample, metric="error_rate", values=[0.0, 0.0], baseline=[0.0, 0.0])
    before = make_report(tmp_path, 0.002, OURS, replace(OURS, suite="load", limits=(0.7,)))
    report = add_second_endpoint(before, [load, {"probes": []}], [sample, errors], "http://old:2")
    assert [(one.suite, one.metric, one.source) for one in report.distributions] == [
        ("", "latency", ""),
        ("load", "latency", "the judged requests"),
        ("smoke", "ttft", "the objective's requests"),
    ]
    _, loaded, asked = report.distributions
    assert loaded.baseline is not None
    assert asked.baseline is not None
    assert (loaded.baseline.run, asked.baseline.run) == ("http://old:1", "http://old:2")
    assert (sum(loaded.counts), sum(loaded.baseline.counts)) == (300, 300), "failures have no time"
    assert (sum(asked.counts), sum(asked.baseline.counts)) == (1, 2)
    assert loaded.limits == (0.7,)
    assert report.checks == before.checks
