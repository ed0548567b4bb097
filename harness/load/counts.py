"""What each process counted of a load, how the counts reach the master, and the result that their sum makes."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from harness.core.load import MOST_FAILED, Counts, Job, LoadResult, find_client_limits, find_delays
from harness.core.pacing import Pacer
from harness.core.report import Generator
from harness.core.verdict import Counterexample
from harness.load.request_maker import describe_workload
from harness.stats.dependence import OWN_QUANTILES, TIME_BLOCKS
from harness.stats.histogram import Histogram

MOST_EXAMPLES = 3
"""Counterexamples kept of each kind."""

NEVER = float("inf")
"""The latency of a request that failed."""

_SHOWN = ("latency", "service", "ttft", "inter_token", "lag")
"""Metrics whose histograms are in the result."""


def _zeros() -> list[int]:
    return [0] * TIME_BLOCKS


@dataclass(slots=True)
class WorkerCounts:
    """What one process has counted of a load so far. `blocks` holds a histogram of seconds per metric and time block.

    `series` are the lines of the run's series since the last message to the master; every other field counts from the
    start, so that a lost message does no harm. `late` are successes that the load generator itself held up for long, by
    block like `requests` and `failed`. `cpu` is the process's share of a core, `skew` the seconds by which its clock
    differs from the master's, `gone` why the service has disappeared (taken back when it answers again), `problem` why
    this process cannot take part, `finished` whether it has sent and read everything.
    """

    blocks: dict[str, list[Histogram]]
    requests: list[int] = field(default_factory=_zeros)
    failed: list[int] = field(default_factory=_zeros)
    late: list[int] = field(default_factory=_zeros)
    sent: int = 0
    completed: int = 0
    waited: int = 0
    repeated: int = 0
    tokens: int = 0
    broken_count: int = 0
    wrong_count: int = 0
    compared: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    failures: list[Counterexample] = field(default_factory=list)
    broken: list[Counterexample] = field(default_factory=list)
    wrong: list[Counterexample] = field(default_factory=list)
    last_sent: float = 0.0
    stall: float = 0.0
    cpu: float = 0.0
    skew: float = 0.0
    gone: str | None = None
    problem: str | None = None
    finished: bool = False
    series: list[dict[str, Any]] = field(default_factory=list)


_ADDED, _WORST = (
    ("sent", "completed", "waited", "repeated", "tokens", "broken_count", "wrong_count", "compared"),
    ("stall", "skew"),
)
"""Fields that add up over processes, and fields of which the largest counts; the result has both too."""


def encode_counts(counts: WorkerCounts) -> bytes:
    """The counts as a message to the master."""
    return msgspec.json.encode(counts, enc_hook=Histogram.to_sparse)


def decode_counts(message: bytes) -> WorkerCounts:
    """The counts in a worker's message. Raises `msgspec.ValidationError` for anything else."""
    return msgspec.json.decode(message, type=WorkerCounts, dec_hook=lambda _, sparse: Histogram.from_sparse(sparse))


def sum_counts(parts: Sequence[WorkerCounts]) -> WorkerCounts:
    """The counts of all processes as one; the service is gone only if every process found it gone."""
    first = parts[0]
    if len(parts) == 1:
        return first
    blocks = {}
    for metric in first.blocks:
        by_block = zip(*(part.blocks[metric] for part in parts), strict=True)
        blocks[metric] = [reduce(Histogram.merge, histograms) for histograms in by_block]
    errors: Counter[str] = Counter()
    for part in parts:
        errors.update(part.errors)
    return WorkerCounts(
        blocks,
        [sum(column) for column in zip(*(part.requests for part in parts), strict=True)],
        [sum(column) for column in zip(*(part.failed for part in parts), strict=True)],
        [sum(column) for column in zip(*(part.late for part in parts), strict=True)],
        **{name: sum(getattr(part, name) for part in parts) for name in _ADDED},
        **{name: max(getattr(part, name) for part in parts) for name in _WORST},
        last_sent=max(part.last_sent for part in parts),
        cpu=max(part.cpu for part in parts),
        errors=dict(errors),
        failures=list(chain.from_iterable(part.failures for part in parts))[:MOST_EXAMPLES],
        wrong=list(chain.from_iterable(part.wrong for part in parts))[:MOST_EXAMPLES],
        broken=list(chain.from_iterable(part.broken for part in parts))[:MOST_EXAMPLES],
        gone=first.gone if all(part.gone for part in parts) else None,
        finished=all(part.finished for part in parts),
    )


def make_load_result(
    job: Job, counts: WorkerCounts, t0: float, *, finished: bool, problem: str | None = None
) -> LoadResult:
    """The result of a load: `counts` are those of all processes, `t0` is the schedule's zero in seconds of the run.

    The quantiles at which dependence is measured are those of the whole sample, of all processes.
    """
    load, planned = job.load, Pacer(job.load.rate, job.load.duration).count
    samples = {metric: reduce(Histogram.merge, blocks) for metric, blocks in counts.blocks.items()}
    blocks = {metric: _count_blocks(counts.blocks[metric], sample) for metric, sample in samples.items()}
    requests, most_failed = tuple(counts.requests), map(operator.add, counts.failed, counts.late)
    blocks["error_rate"] = Counts(requests, {repr(0.0): tuple(counts.failed)})
    blocks[MOST_FAILED] = Counts(requests, {repr(0.0): tuple(most_failed)})
    result = LoadResult(
        load.scenario,
        job.endpoint.protocol,
        planned,
        failed=sum(counts.errors.values()),
        judged=sum(counts.requests),
        seconds=load.duration - load.warm_up,
        workload=describe_workload(job),
        cache=job.material.cache if job.material else "",
        arrivals=load.arrivals,
        blocks=blocks,
        histograms={metric: samples[metric].to_sparse() for metric in _SHOWN if samples[metric].n},
        generator=_describe_generator(job, counts, samples["lag"], t0, planned),
        failures=tuple(counts.failures),
        broken=tuple(counts.broken),
        wrong=tuple(counts.wrong),
        finished=finished and problem is None,
        problem=problem,
        **{name: getattr(counts, name) for name in (*_ADDED, *_WORST, "errors", "gone")},
    )
    limits = list(chain.from_iterable(job.limits.values()))
    return replace(result, client_bound=find_client_limits(result), late=find_delays(result, limits))


def make_result_id(scenario: str) -> str:
    """The id of the measurement that a load of this scenario is."""
    return f"load/{scenario}"


def get_result_path(run_dir: Path, scenario: str) -> Path:
    """The file of a scenario's result in a run directory."""
    return run_dir / f"{make_result_id(scenario)}.json"


def _describe_generator(job: Job, counts: WorkerCounts, lag: Histogram, t0: float, planned: int) -> Generator:
    """How well the load kept to its schedule. A load that was cut short is measured up to its last send."""
    rate, duration = job.load.rate, job.load.duration
    sending = counts.last_sent - t0
    span = duration if counts.completed >= planned else max(sending, 0.0) + 1 / rate
    late = max(0.0, sending - duration)
    return Generator(
        target_rate=rate,
        achieved_rate=min(rate, counts.sent / (span + late)) if counts.sent else None,
        lag_p99=lag.quantile(0.99) if lag.n else None,
        cpu=counts.cpu or None,
    )


def _count_blocks(blocks: list[Histogram], sample: Histogram) -> Counts:
    """The samples of each block: all, those over the whole sample's p90, and those over each limit."""
    limits = [float(key.removeprefix("over ")) for key in sample.to_sparse() if key.startswith("over ")]
    over = {repr(limit): tuple(block.count_over(limit) for block in blocks) for limit in limits}
    quantiles = [sample.quantile(q) for q in OWN_QUANTILES] if sample.n else []
    over_quantiles = tuple(tuple(_count_over(block, value) for block in blocks) for value in quantiles)
    return Counts(tuple(block.n for block in blocks), over, over_quantiles)


def _count_over(block: Histogram, value: float) -> int:
    """How many values lie in buckets above this value's."""
    edges, counts = block.to_dense()
    above = sum(n for low, n in zip(edges, counts, strict=False) if low >= value)
    return above + (block.infinite_count if value < NEVER else 0)
