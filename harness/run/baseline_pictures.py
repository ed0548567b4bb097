"""What a report draws of a baseline beside the candidate: histograms, and the estimates of the same objectives.

Nothing here decides anything. Tested in tests/run/test_baseline_pictures.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from harness.core.plan import Plan
from harness.core.report import BaselineCounts, CheckRow, Distribution, Report
from harness.core.settings import Settings
from harness.core.verdict import Baseline
from harness.io.rundir import read_run
from harness.run.baseline import BaselineSource, find_setting_mismatch
from harness.run.kept_samples import KeptSamples, read_samples, restore_values
from harness.run.series import make_distribution
from harness.stats.histogram import Histogram

_OF_OBJECTIVE, _OF_LOAD = "the objective's requests", "the judged requests"
_Limits = Mapping[tuple[str, str], tuple[float, ...]]


def draw_baseline(
    report: Report, source: BaselineSource | None, settings: Settings, plan: Plan, folder: Path
) -> Report:
    """The report of the run in this folder with what its baseline had, where the two can be compared."""
    if source is None:
        return report
    if source.url:
        return add_second_endpoint(report, read_run(folder).loads, read_samples(folder), source.url)
    older, version = source.report, report.environment.get("aiharness", "")
    if older is None or find_setting_mismatch(older, plan, settings, version) is not None:
        return report
    return add_saved_baseline(report, older, older.run.id)


def add_saved_baseline(report: Report, older: Report, name: str) -> Report:
    """The report with the histograms and estimates of a saved run, which can be compared with it."""
    theirs = dict(zip(map(_identify, older.distributions), older.distributions, strict=True))
    distributions = []
    for ours in report.distributions:
        other = theirs.get(_identify(ours))
        if other is not None and ours.baseline is None:
            ours = replace(ours, baseline=BaselineCounts(name, other.bounds, other.counts))
        distributions.append(ours)
    rows = {row.id: row for row in older.checks}
    checks = []
    for row in report.checks:
        checks.append(_add_estimate(row, rows.get(row.id), name))
    return replace(report, distributions=tuple(distributions), checks=tuple(checks))


def _identify(distribution: Distribution) -> tuple[str, ...]:
    return distribution.suite, distribution.metric, distribution.unit, distribution.source


def _add_estimate(row: CheckRow, older: CheckRow | None, name: str) -> CheckRow:
    """The row of an objective with what the baseline had, where that was judged by the same words."""
    if older is None or row.kind != "estimate" or row.baseline is not None or older.estimate is None:
        return row
    if (row.objective, row.unit, row.metric) != (older.objective, older.unit, older.metric):
        return row
    return replace(row, baseline=Baseline(name, older.estimate))


def add_second_endpoint(
    report: Report, loads: Iterable[Mapping[str, Any]], samples: Iterable[KeptSamples], url: str
) -> Report:
    """The report with both sides of what a second endpoint was asked in the same run.

    Those are loads in turns, and the requests of objectives, beside which it was asked at the same moments.
    """
    limits = {(one.suite, one.metric): one.limits for one in report.distributions}
    pairs = [*_pair_loads(loads, limits), *_pair_samples(samples, url, limits)]
    shown = {(one.suite, one.metric): one for one in (*report.distributions, *pairs)}
    return replace(report, distributions=tuple(shown.values()), checks=tuple(_add_compared(report.checks)))


def _add_compared(rows: Sequence[CheckRow]) -> Iterator[CheckRow]:
    """The rows, those of objectives with the second endpoint's estimate, which their comparisons hold."""
    compared = {row.id: row.baseline for row in rows if row.kind == "comparison" and row.baseline is not None}
    for row in rows:
        slug = row.id.partition("[")[2].removesuffix("]")
        baseline = compared.get(f"ai-baseline/{row.suite}/{slug}")
        if row.kind == "estimate" and row.baseline is None and baseline is not None:
            row = replace(row, baseline=Baseline(baseline.run, baseline.estimate))
        yield row


def _pair_loads(loads: Iterable[Mapping[str, Any]], limits: _Limits) -> Iterator[Distribution]:
    for load in loads:
        for metric, theirs in ((load.get("baseline") or {}).get("histograms") or {}).items():
            ours = load.get("histograms", {}).get(metric, {})
            sides = Histogram.from_sparse(ours), Histogram.from_sparse(theirs)
            yield from _pair(("load", metric, _OF_LOAD), sides, str(load.get("baseline_url")), limits)


def _pair_samples(samples: Iterable[KeptSamples], url: str, limits: _Limits) -> Iterator[Distribution]:
    for sample in samples:
        if sample.baseline and sample.is_timed:
            sides = Histogram(), Histogram()
            for side, values in zip(sides, (sample.values, sample.baseline), strict=True):
                side.add(restore_values(values))
            yield from _pair((sample.suite, sample.metric, _OF_OBJECTIVE), sides, url, limits)


def _pair(
    place: tuple[str, str, str], sides: tuple[Histogram, Histogram], url: str, limits: _Limits
) -> Iterator[Distribution]:
    """The candidate's histogram with the baseline's beside it; nothing where one of them has no finite value."""
    suite, metric, source = place
    shown = limits.get((suite, metric), limits.get(("", metric), ()))
    ours, theirs = map(partial(make_distribution, suite, metric, limits=shown), sides)
    if ours is not None and theirs is not None and ours.counts and theirs.counts:
        yield replace(ours, source=source, baseline=BaselineCounts(url, theirs.bounds, theirs.counts))
