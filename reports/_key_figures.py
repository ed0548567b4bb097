"""The figures of a run that a reader wants first: what was judged, times, failures, quality, faults."""

from __future__ import annotations

from collections.abc import Iterator

from harness.core.report import Report
from harness.core.verdict import Level, Status

from . import _figures, _latency, _traffic, _view
from ._format import format_count, format_direction

_MOST_TIMES, _MOST_ESTIMATES = 4, 2
_SHOWN_VALUES = ("request_rate", "token_rate", "goodput")
_TIMES = ("latency", "ttft", "inter_token")


def list_key_figures(report: Report) -> list[tuple[str, str]]:
    """A label and a value each; only what the run has measured."""
    return [*_count_blockers(report), *_list_times(report), *_count_requests(report), *_list_quality(report)]


def _count_blockers(report: Report) -> Iterator[tuple[str, str]]:
    blockers = [row for row in report.checks if row.level is Level.BLOCKER and row.verdict is not Status.SKIPPED]
    if blockers:
        holding = sum(row.verdict is Status.PASS for row in blockers)
        yield "Blockers that hold", f"{holding:,} of {len(blockers):,}"


def _list_times(report: Report) -> Iterator[tuple[str, str]]:
    """The percentiles of the load's own figures; without a load those of single requests."""
    rows = [(load, row) for load in report.loads[:2] for row in _figures.list_time_rows(load)]
    for load, row in rows[:_MOST_TIMES]:
        cells = " · ".join(f"{name} {cell}" for name, cell in zip(_figures.PERCENTILES, row.cells, strict=True))
        yield f"{row.title} under {load.scenario}", cells
    if rows:
        return
    for distribution in report.distributions[:_MOST_TIMES]:
        if (data := _latency.accumulate_counts(distribution)) and data.n:
            cells = " · ".join(f"p{q * 100:g} {data.format_value(data.quantile(q))}" for q in (0.5, 0.95, 0.99))
            yield f"{data.name[:1].upper()}{data.name[1:]}", cells


def _count_requests(report: Report) -> Iterator[tuple[str, str]]:
    for load in report.loads[:2]:
        if values := _figures.summarize_values([f for f in load.figures if f.metric in _SHOWN_VALUES]):
            yield f"Load {load.scenario}", values
        yield f"Requests of {load.scenario}", f"{load.failed:,} of {load.completed:,} failed"
    if report.series and not report.loads:
        errors = sum(second.errors for second in report.series)
        requests = sum(second.requests for second in report.series)
        yield "Requests", f"{format_count(requests, 'request')}, {errors:,} failed"
    if faults := _traffic.summarize_faults(report.faults):
        yield "Faults", faults


def _list_quality(report: Report) -> Iterator[tuple[str, str]]:
    """The first objectives that are no times, worst first."""
    quality = [
        row
        for row in _view.rank_rows(report.checks)
        if row.estimate is not None
        and row.limit is not None
        and not any(word in f"{row.metric} {row.objective}" for word in _TIMES)
    ]
    for row in quality[:_MOST_ESTIMATES]:
        limit = f"limit {format_direction(row.direction)} {_view.format_figure(row, row.limit)}"
        yield row.title or row.id, f"{_view.format_figure(row, row.estimate)} ({limit})"
