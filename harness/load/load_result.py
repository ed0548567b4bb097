"""The result that the sum of all processes' counts makes: the content of `load/SCENARIO.json`.

Tested in tests/load/test_counts.py.
"""

from __future__ import annotations

import math
import operator
from dataclasses import replace
from itertools import chain
from pathlib import Path

from harness.core.load import (
    MOST_FAILED,
    Counts,
    Job,
    LoadResult,
    WorkerShare,
    describe_slow_path,
    find_client_limits,
    find_delays,
    name_least,
)
from harness.core.load_settings import LoadSettings
from harness.core.metric import BY_TURN, GOODPUT, LOAD_TIMES, REQUEST_RATE, ROW_RATE, TOKEN_RATE
from harness.core.report import Generator
from harness.load.counts import WorkerCounts
from harness.load.figures import make_figures
from harness.load.likeness import find_bursts, find_shortfall
from harness.load.peers import SENT_TTFT, WHOLE_TPOT, list_peer_figures
from harness.load.request_maker import describe_workload
from harness.stats.block_histogram import BlockHistogram
from harness.stats.dependence import OWN_QUANTILES, TIME_BLOCKS
from harness.stats.histogram import Histogram

_ROUNDING = 1e-9
_SHOWN = tuple(metric.name for metric in LOAD_TIMES)
"""Metrics whose histograms are in the result."""
_TAKEN_OVER = (
    *("sent", "completed", "waited", "repeated", "tokens", "broken_count", "wrong_count", "compared", "echoed"),
    *("unechoed", "unreached", "unannounced", "stall", "skew", "errors", "gone"),
)
"""Counts that are in the result as they are."""


def make_load_result(
    job: Job,
    counts: WorkerCounts,
    t0: float,
    *,
    finished: bool,
    problem: str | None = None,
    workers: tuple[WorkerShare, ...] = (),
) -> LoadResult:
    """The result of a load: `counts` are those of all processes, `t0` is the schedule's zero in seconds of the run.

    The quantiles at which dependence is measured are those of the whole sample, of all processes.
    """
    load, planned = job.load, counts.intended if job.load.loop else job.load.requests
    samples = {metric: histogram.total() for metric, histogram in counts.blocks.items()}
    judged = [metric for metric in samples if metric not in (SENT_TTFT, WHOLE_TPOT, *BY_TURN)]
    blocks = {metric: _count_blocks(counts.blocks[metric], samples[metric]) for metric in judged}
    blocks |= _count_requests_by_block(counts)
    result = LoadResult(
        load.scenario,
        job.endpoint.protocol,
        planned,
        failed=sum(counts.errors.values()),
        judged=sum(counts.requests),
        seconds=load.duration - load.judged_from,
        workload=describe_workload(job),
        cache=job.material.cache if job.material else "",
        bursts=find_bursts(counts),
        shortfall=find_shortfall(counts, job.material),
        in_chunks=counts.answers_in_chunks,
        arrivals=load.arrivals,
        shape=load.shape_name,
        loop=load.loop,
        schedule=load.describe_rate(),
        phases=_place_phases(load),
        figures=make_figures(job, counts, samples, t0, finished=finished),
        peer_figures=list_peer_figures(samples),
        blocks=blocks,
        histograms={metric: samples[metric].to_sparse() for metric in _SHOWN if samples[metric].n},
        by_block={name: counts.blocks[name].to_sparse() for name in judged if finished and samples[name].n},
        generator=_describe_generator(job, counts, samples["lag"], t0, planned),
        failures=tuple(counts.failures),
        broken=tuple(counts.broken),
        workers=workers,
        wrong=tuple(counts.wrong),
        lost_echoes=tuple(counts.lost_echoes),
        flow=counts.flow,
        finished=finished and problem is None,
        problem=problem,
        **{name: getattr(counts, name) for name in _TAKEN_OVER},
    )
    limits = list(chain.from_iterable(job.limits.values()))
    return replace(result, client_bound=find_client_limits(result), late=find_delays(result, limits))


def _count_requests_by_block(counts: WorkerCounts) -> dict[str, Counts]:
    """What is counted of requests as a whole, and not of their times."""
    requests, most_failed = tuple(counts.requests), map(operator.add, counts.failed, counts.late)
    rated = tuple(counts.rated)
    return {
        "error_rate": Counts(requests, {repr(0.0): tuple(counts.failed)}),
        MOST_FAILED: Counts(requests, {repr(0.0): tuple(most_failed)}),
        GOODPUT.name: Counts(rated, {repr(0.0): tuple(counts.bad)}),
        name_least(GOODPUT.name): Counts(rated, {repr(0.0): tuple(counts.bad_least)}),
        REQUEST_RATE.name: Counts(tuple(counts.ended)),
        TOKEN_RATE.name: Counts(tuple(counts.ended_tokens), {repr(0.0): tuple(counts.ended_unstated)}),
        ROW_RATE.name: Counts(tuple(counts.ended_rows)),
    }


def _place_phases(load: LoadSettings) -> tuple[tuple[str, int, int], ...]:
    """The time blocks that lie wholly within each phase of the judged part; one phase alone is none."""
    block, phases = (load.duration - load.judged_from) / TIME_BLOCKS, []
    for name, begin, end in load.curve.list_phases():
        first = math.ceil((begin - load.judged_from) / block - _ROUNDING)
        last = math.floor((end - load.judged_from) / block + _ROUNDING)
        if max(first, 0) < last:
            phases.append((name, max(first, 0), min(last, TIME_BLOCKS)))
    return tuple(phases) if len(phases) > 1 else ()


def make_result_id(scenario: str) -> str:
    """The id of the measurement that a load of this scenario is."""
    return f"load/{scenario}"


def get_result_path(run_dir: Path, scenario: str) -> Path:
    """The file of a scenario's result in a run directory."""
    return run_dir / f"{make_result_id(scenario)}.json"


def _describe_generator(job: Job, counts: WorkerCounts, lag: Histogram, t0: float, planned: int) -> Generator:
    """How well the load kept to its schedule. A load that was cut short is measured up to its last send."""
    rate, duration = job.load.mean_rate, job.load.duration
    if job.load.loop:  # no rate is given: how many requests are due depends on the answers
        seconds = max(duration if counts.finished else counts.last_sent - t0, 1e-9)
        lag_p99 = lag.quantile(0.99) if lag.n else None
        return Generator(None, counts.sent / seconds if counts.sent else None, lag_p99, counts.cpu or None)
    sending = counts.last_sent - t0
    # In seconds of the mean rate: how long the schedule takes to ask for what was due until then.
    span = duration if counts.completed >= planned else (job.load.curve.count_until(sending) + 1) / rate
    late = max(0.0, sending - duration)
    return Generator(
        target_rate=rate,
        achieved_rate=min(rate, counts.sent / (span + late)) if counts.sent else None,
        lag_p99=lag.quantile(0.99) if lag.n else None,
        cpu=counts.cpu or None,
        slow_path=describe_slow_path(job.endpoint),
    )


def _count_blocks(histogram: BlockHistogram, sample: Histogram) -> Counts:
    """The samples of each block: all, those over the whole sample's own quantiles, and those over each limit."""
    over = {repr(limit): tuple(histogram.count_over(limit).tolist()) for limit in histogram.limits}
    quantiles = [sample.quantile(q) for q in OWN_QUANTILES] if sample.n else []
    over_quantiles = tuple(tuple(histogram.count_above_bucket(value).tolist()) for value in quantiles)
    return Counts(tuple(histogram.n.tolist()), over, over_quantiles)
