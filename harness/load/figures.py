"""The figures of a load that people read: percentiles, rates, goodput, as `harness.core.metric` defines them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from harness.core.load import Job
from harness.core.metric import (
    ANSWER_SPEED,
    BYTE_RATE,
    FLIGHT,
    GOODPUT,
    GOODPUT_RATE,
    LOAD_TIMES,
    REQUEST_RATE,
    ROW_RATE,
    STALLS,
    TOKEN_RATE,
    TPOT_BY_PROMPT,
    TTFOT,
    TTFT,
    Metric,
)
from harness.core.report import Figure
from harness.load.counts import NEVER, PROMPT_BINS, WorkerCounts
from harness.stats.histogram import GAMMA, Histogram

_STALL_RATIO = 10.0
"""So many times longer than the median is the gap that is a stall."""


def make_figures(
    job: Job, counts: WorkerCounts, samples: Mapping[str, Histogram], t0: float, *, finished: bool
) -> tuple[Figure, ...]:
    """What people read of a load: percentiles of the times in `samples`, then rates over the judged part.

    Answers, tokens and rows per second count what ended within the schedule; the other rates count to the end of the
    last success, because answers that end after the schedule are slower throughput.
    """
    begin, end = t0 + job.load.judged_from, counts.last_success
    if finished:
        end = max(end, t0 + job.load.duration)
    judged, seconds = sum(counts.requests), end - begin
    shown = [metric for metric in LOAD_TIMES if samples[metric.name].n and not _is_ttft(metric, samples)]
    figures = [make_time_figure(metric.name, metric.title, metric.definition, samples[metric.name]) for metric in shown]
    figures += _make_stall_figures(samples["inter_token"])
    figures += _make_prompt_figures(counts)
    if not judged or seconds <= 0:
        return tuple(figures)
    successes = judged - sum(counts.failed)
    limits = ", ".join(f"{name} <= {min(limits):g} s" for name, limits in job.limits.items() if limits)
    if "inter_token" in limits:
        limits += " on the mean of its gaps"
    ended, window = sum(counts.ended), min(end, t0 + job.load.duration) - begin
    figures.append(_make_value_figure(REQUEST_RATE, ended, ended / window))
    if any(counts.ended_rows):
        figures.append(_make_value_figure(ROW_RATE, ended, sum(counts.ended_rows) / window))
    if counts.judged_tokens:
        in_chunks = counts.answers_in_chunks > 0
        note = "; where the service states no usage its chunks are counted" if in_chunks else ""
        figures.append(_make_value_figure(TOKEN_RATE, ended, sum(counts.ended_tokens) / window, note))
        if counts.answer_seconds:
            speed = counts.judged_tokens / counts.answer_seconds
            figures.append(_make_value_figure(ANSWER_SPEED, successes, speed, note))
    figures += _make_goodput_figures(counts, seconds, limits)
    if counts.flight:
        figures.append(_make_value_figure(FLIGHT, judged, counts.flight / seconds))
    if counts.received:
        figures.append(_make_value_figure(BYTE_RATE, successes, counts.received / seconds))
    return tuple(figures)


def _is_ttft(metric: Metric, samples: Mapping[str, Histogram]) -> bool:
    """Whether this is the time to the first output of a service that does not think: it is shown as TTFT already."""
    if metric is not TTFOT:
        return False
    buckets = [samples[name].to_sparse() for name in (TTFOT.name, TTFT.name)]
    for counts in buckets:  # an objective of one of them is no difference
        for key in [key for key in counts if key.startswith("over ")]:
            del counts[key]
    return buckets[0] == buckets[1]


def _make_stall_figures(gaps: Histogram) -> list[Figure]:
    """The share of gaps over 10 times their median, to the width of a bucket; none where half of them are zero."""
    median = gaps.quantile(0.5) if gaps.n else NEVER
    if not 0 < median < NEVER:
        return []
    limit = math.log(_STALL_RATIO * median) / math.log(GAMMA)
    stalls = sum(count for number, count in gaps.buckets() if limit < number < math.inf)
    return [_make_value_figure(STALLS, gaps.n, stalls / gaps.n)]


def _make_prompt_figures(counts: WorkerCounts) -> list[Figure]:
    """The mean time per output token by the length of the prompt; none where all prompts are in one range."""
    filled = [place for place, n in enumerate(counts.bin_answers) if n]
    if len(filled) < 2:
        return []
    figures = []
    for place in filled:
        span = f"under {PROMPT_BINS[0]}"
        if place:
            span = f"from {PROMPT_BINS[place - 1]}"
        if 0 < place < len(PROMPT_BINS):
            span += f" to {PROMPT_BINS[place] - 1}"
        metric = replace(TPOT_BY_PROMPT, title=f"{TPOT_BY_PROMPT.title}, prompt {span}")
        mean = counts.bin_seconds[place] / counts.bin_tokens[place]
        figures.append(_make_value_figure(metric, counts.bin_answers[place], mean))
    return figures


def _make_goodput_figures(counts: WorkerCounts, seconds: float, limits: str) -> list[Figure]:
    rated, good = sum(counts.rated), sum(counts.rated) - sum(counts.bad)
    if not limits:
        unlimited = replace(GOODPUT_RATE, title=f"{GOODPUT_RATE.title} (no limit is set)")
        return [_make_value_figure(unlimited, rated, good / seconds, ": no objective on a time sets one")]
    figures = [_make_value_figure(GOODPUT_RATE, rated, good / seconds, f" ({limits})")]
    if rated:
        figures.append(_make_value_figure(GOODPUT, rated, good / rated, f" ({limits})"))
    return figures


def make_time_figure(name: str, title: str, definition: str, sample: Histogram) -> Figure:
    """The percentiles of a time in seconds; None where one lies among failures."""
    p50, p95, p99 = (_round_time(sample.quantile(q)) for q in (0.5, 0.95, 0.99))
    return Figure(name, title, "s", definition, sample.n, p50, p95, p99)


def _make_value_figure(metric: Metric, n: int, value: float, note: str = "") -> Figure:
    return Figure(metric.name, metric.title, metric.unit, metric.definition + note, n, value=_round(value))


def _round_time(seconds: float) -> float | None:
    return None if seconds == NEVER else _round(seconds)


def _round(value: float) -> float:
    return float(f"{value:.4g}")
