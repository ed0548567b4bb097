"""The figures of a load that people read: percentiles, rates, goodput, as `harness.core.metric` defines them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from harness.core.load import Job
from harness.core.metric import GOOD_SHARE, GOODPUT, LOAD_TIMES, REQUEST_RATE, TOKEN_RATE, Metric
from harness.core.report import Figure
from harness.load.counts import NEVER, WorkerCounts
from harness.stats.histogram import Histogram


def make_figures(
    job: Job, counts: WorkerCounts, samples: Mapping[str, Histogram], t0: float, *, finished: bool
) -> tuple[Figure, ...]:
    """What people read of a load: percentiles of the times in `samples`, then rates over the judged part.

    The rates count to the end of the last success, because answers that end after the schedule are slower throughput.
    """
    begin, end = t0 + job.load.warm_up, counts.last_success
    if finished:
        end = max(end, t0 + job.load.duration)
    judged, seconds = sum(counts.requests), end - begin
    figures = [_make_time_figure(metric, samples[metric.name]) for metric in LOAD_TIMES if samples[metric.name].n]
    if not judged or seconds <= 0:
        return tuple(figures)
    successes = judged - sum(counts.failed)
    limits = ", ".join(f"{name} <= {min(limits):g} s" for name, limits in job.limits.items() if limits)
    if "inter_token" in limits:
        limits += " on the mean of its gaps"
    figures.append(_make_value_figure(REQUEST_RATE, successes, successes / seconds))
    if counts.judged_tokens:
        in_chunks = counts.answers_in_chunks > 0
        note = "; where the service states no usage its chunks are counted" if in_chunks else ""
        figures.append(_make_value_figure(TOKEN_RATE, successes, counts.judged_tokens / seconds, note))
    if limits:
        figures.append(_make_value_figure(GOODPUT, judged, counts.good / seconds, f" ({limits})"))
        figures.append(_make_value_figure(GOOD_SHARE, judged, counts.good / judged, f" ({limits})"))
    else:
        unlimited = replace(GOODPUT, title=f"{GOODPUT.title} (no limit is set)")
        figures.append(
            _make_value_figure(unlimited, judged, counts.good / seconds, ": no objective on a time sets one")
        )
    return tuple(figures)


def _make_time_figure(metric: Metric, sample: Histogram) -> Figure:
    p50, p95, p99 = (_round_time(sample.quantile(q)) for q in (0.5, 0.95, 0.99))
    return Figure(metric.name, metric.title, metric.unit, metric.definition, sample.n, p50, p95, p99)


def _make_value_figure(metric: Metric, n: int, value: float, note: str = "") -> Figure:
    return Figure(metric.name, metric.title, metric.unit, metric.definition + note, n, value=_round(value))


def _round_time(seconds: float) -> float | None:
    return None if seconds == NEVER else _round(seconds)


def _round(value: float) -> float:
    return float(f"{value:.4g}")
