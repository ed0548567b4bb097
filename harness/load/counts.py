"""What each process counted of a load, how it is told to the master, and what all of it comes to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path
from typing import Any

import msgspec

from harness.core.load import BLOCKS, Counts, Job, LoadResult, client_bound
from harness.core.pacing import Pacer
from harness.core.report import Generator
from harness.core.verdict import Counterexample
from harness.stats.histogram import Histogram

MOST_EXAMPLES = 3
"""Counterexamples kept of a kind."""

NEVER = float("inf")


def _blocks() -> list[int]:
    return [0] * BLOCKS


@dataclass(slots=True)
class WorkerCounts:
    """What one process counted of a load so far. `blocks` holds a histogram of seconds per metric and time block.

    `lines` are the seconds of the run's series that came since the last telling; all else is counted from the start,
    so that a telling that is lost does no harm. `cpu` is the process's share of a core, `skew` by how many seconds its
    clock seems to be off the master's, `problem` why it cannot go on, `over` says that it is done.
    """

    blocks: dict[str, list[Histogram]]
    requests: list[int] = field(default_factory=_blocks)
    failed: list[int] = field(default_factory=_blocks)
    sent: int = 0
    completed: int = 0
    waited: int = 0
    tokens: int = 0
    broken_count: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    failures: list[Counterexample] = field(default_factory=list)
    broken: list[Counterexample] = field(default_factory=list)
    last_sent: float = 0.0
    stall: float = 0.0
    cpu: float = 0.0
    skew: float = 0.0
    gone: str | None = None
    problem: str | None = None
    over: bool = False
    lines: list[dict[str, Any]] = field(default_factory=list)


_ADDED, _WORST = ("sent", "completed", "waited", "tokens", "broken_count"), ("stall", "skew")
"""Fields of a share that add up over processes, and those of which the worst counts; the result has them too."""


def encode_counts(share: WorkerCounts) -> bytes:
    """A share as bytes for the master."""
    return msgspec.json.encode(share, enc_hook=Histogram.to_sparse)


def decode_counts(data: bytes) -> WorkerCounts:
    """The share in a worker's message. Raises `msgspec.ValidationError` for what is none."""
    return msgspec.json.decode(data, type=WorkerCounts, dec_hook=lambda _, sparse: Histogram.from_sparse(sparse))


def sum_counts(shares: Sequence[WorkerCounts]) -> WorkerCounts:
    """All shares of a load as one; gone only if all found the service gone."""
    one = shares[0]
    if len(shares) == 1:
        return one
    added = {name: sum(getattr(share, name) for share in shares) for name in _ADDED}
    worst = {name: max(getattr(share, name) for share in shares) for name in _WORST}
    return WorkerCounts(
        {
            metric: [reduce(Histogram.merge, (s.blocks[metric][i] for s in shares)) for i in range(BLOCKS)]
            for metric in one.blocks
        },
        [sum(each) for each in zip(*(s.requests for s in shares), strict=True)],
        [sum(each) for each in zip(*(s.failed for s in shares), strict=True)],
        **added,
        **worst,
        last_sent=max(share.last_sent for share in shares),
        cpu=max(share.cpu for share in shares),
        errors=dict(sum((Counter(s.errors) for s in shares), Counter())),
        failures=[found for s in shares for found in s.failures][:MOST_EXAMPLES],
        broken=[found for s in shares for found in s.broken][:MOST_EXAMPLES],
        gone=one.gone if all(s.gone for s in shares) else None,
        over=all(s.over for s in shares),
    )


def make_load_result(
    job: Job, share: WorkerCounts, t0: float, *, finished: bool, problem: str | None = None
) -> LoadResult:
    """What a load comes to: `share` is the sum of all, `t0` the schedule's zero in seconds of the run.

    The p90 that the dependence of the blocks is measured at is that of the whole sample, of all processes.
    """
    load, count = job.load, Pacer(job.load.rate, job.load.duration).count
    whole = {metric: reduce(Histogram.merge, blocks) for metric, blocks in share.blocks.items()}
    lag = whole["lag"]
    span = load.duration if share.completed >= count else max(share.last_sent - t0, 0.0) + 1 / load.rate
    late = max(0.0, share.last_sent - t0 - load.duration)
    made = Generator(
        target_rate=load.rate,
        achieved_rate=min(load.rate, share.sent / (span + late)) if share.sent else None,
        lag_p99=lag.quantile(0.99) if lag.n else None,
        cpu=share.cpu or None,
    )
    failed = Counts(tuple(share.requests), tuple(share.failed))
    result = LoadResult(
        load.scenario,
        job.endpoint.protocol,
        count,
        failed=sum(share.errors.values()),
        judged=sum(share.requests),
        blocks={**{metric: _counts(share.blocks[metric], whole[metric]) for metric in whole}, "error_rate": failed},
        histograms={metric: found.to_sparse() for metric, found in whole.items() if found.n},
        generator=made,
        failures=tuple(share.failures),
        broken=tuple(share.broken),
        finished=finished and problem is None,
        problem=problem,
        **{name: getattr(share, name) for name in (*_ADDED, *_WORST, "errors", "gone")},
    )
    return replace(result, client_bound=client_bound(result, [each for found in job.limits.values() for each in found]))


def get_result_path(run_dir: Path, scenario: str) -> Path:
    """Where a scenario's result lies in a run directory."""
    return run_dir / "load" / f"{scenario}.json"


def _counts(blocks: list[Histogram], whole: Histogram) -> Counts:
    limits = [float(key.removeprefix("over ")) for key in whole.to_sparse() if key.startswith("over ")]
    edge = whole.quantile(0.9) if whole.n else NEVER
    over = {repr(limit): tuple(block.count_over(limit) for block in blocks) for limit in limits}
    return Counts(tuple(block.n for block in blocks), tuple(_over(block, edge) for block in blocks), over)


def _over(block: Histogram, value: float) -> int:
    """How many values lie in buckets above this value's."""
    edges, counts = block.to_dense()
    return block.infinite_count * (value < NEVER) + sum(
        n for low, n in zip(edges, counts, strict=False) if low >= value
    )
