"""Every metric of a load beside that of the baseline that took turns with it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.core.comparison import Contrast
from harness.core.load import name_least
from harness.core.metric import ANSWER_SPEED, ERROR_RATE, GOODPUT, INTER_TOKEN, LATENCY, TOKEN_RATE, TPOT, TTFOT, TTFT
from harness.load.counts import WorkerCounts

_TIMES = (LATENCY, TTFT, TTFOT, INTER_TOKEN, TPOT)
_QUANTILES = (0.5, 0.9, 0.99)
_FEWEST_BEYOND = 20
"""Samples that must lie beyond a quantile on each side for it to be compared."""


def make_contrasts(ours: WorkerCounts, theirs: WorkerCounts, pairs: int, *, has_limits: bool) -> tuple[Contrast, ...]:
    """Every metric that both sides have: quantiles of the times, tokens per second, failures, goodput where objectives
    set limits.
    """
    failures = (ours.requests, ours.failed), (theirs.requests, theirs.failed)
    contrasts = [_contrast_shares(ERROR_RATE.name, ERROR_RATE.title, pairs, *failures)]
    if has_limits:
        parts = (ours.rated, ours.bad), (theirs.rated, theirs.bad)
        contrasts.append(_contrast_shares(GOODPUT.name, "broken limits", pairs, *parts))
    for metric in _TIMES:
        if metric is TTFOT and _is_equal(ours, TTFT.name, TTFOT.name):
            continue
        n, baseline_n = _count(ours, metric.name), _count(theirs, metric.name)
        for q in _QUANTILES:
            if min(n, baseline_n) * (1 - q) >= _FEWEST_BEYOND - 1e-9:
                contrast = _contrast_times(ours, theirs, metric.name, metric.title, pairs, q)
                if metric is not TTFOT or contrast.worse is not None:  # some services have no output of this kind
                    contrasts.append(contrast)
    for metric, is_speed in ((TOKEN_RATE, False), (ANSWER_SPEED, True)):
        if sum(ours.block_tokens) and sum(theirs.block_tokens):
            contrasts.append(_contrast_tokens(ours, theirs, metric.name, metric.title, pairs, is_speed=is_speed))
    return tuple(contrasts)


def _count(counts: WorkerCounts, metric: str) -> int:
    return int(counts.blocks[metric].n.sum())


def _count_successes(counts: WorkerCounts) -> int:
    return sum(counts.requests) - sum(counts.failed)


def _compute_share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _is_equal(counts: WorkerCounts, metric: str, other: str) -> bool:
    return counts.blocks[metric].total().to_sparse() == counts.blocks[other].total().to_sparse()


def _add_up(blocks: Sequence[float], pairs: int) -> NDArray[np.float64]:
    """Counts by time block as counts by pair of turns, shape (pairs,)."""
    sums: NDArray[np.float64] = np.sum(np.reshape(np.asarray(blocks, dtype=float), (pairs, -1)), axis=1)
    return sums


def _contrast_shares(
    name: str,
    title: str,
    pairs: int,
    ours: tuple[Sequence[int], Sequence[int]],
    theirs: tuple[Sequence[int], Sequence[int]],
) -> Contrast:
    columns = [_add_up(blocks, pairs) for blocks in (*ours, *theirs)]
    table = np.stack(columns, axis=1).astype(int)
    rows = tuple(map(tuple, table.tolist()))
    n, bad, baseline_n, baseline_bad = table.sum(axis=0).tolist()
    shares = _compute_share(bad, n), _compute_share(baseline_bad, baseline_n)
    return Contrast(name, title, "", None, n, baseline_n, shares[0], shares[1], counts=rows)


def _contrast_times(ours: WorkerCounts, theirs: WorkerCounts, name: str, title: str, pairs: int, q: float) -> Contrast:
    """A quantile of a time; without the logarithms where one lies among failures, or too few pairs have samples."""
    least_name = name_least(name)
    sides, least = [], []
    for side in (ours, theirs):
        sides.append(side.blocks[name].compute_log_quantiles(pairs, q))
        least.append(side.blocks[least_name].compute_log_quantiles(pairs, q))
    worse, left_out = _subtract(sides)
    least_worse, least_left_out = _subtract(least)
    n, baseline_n = _count(ours, name), _count(theirs, name)
    values = [math.exp(whole) if math.isfinite(whole) else None for whole, _ in sides]
    return Contrast(
        name, title, "s", q, n, baseline_n, values[0], values[1], worse, left_out, least_worse, least_left_out
    )  # fmt: skip


def _subtract(sides: Sequence[tuple[float, NDArray[np.float64]]]) -> tuple[float | None, tuple[float, ...]]:
    (whole, without), (baseline, baseline_without) = sides
    if not (math.isfinite(whole) and math.isfinite(baseline)):
        return None, ()
    with np.errstate(invalid="ignore"):
        left_out = without - baseline_without
    if not np.isfinite(left_out).all():
        return None, ()
    return whole - baseline, tuple(left_out.tolist())


def _contrast_tokens(
    ours: WorkerCounts, theirs: WorkerCounts, name: str, title: str, pairs: int, *, is_speed: bool
) -> Contrast:
    """Tokens of the successes in all (both got the same schedule), or by second of their own time."""
    logs, values = [], []
    for side in (ours, theirs):
        tokens, seconds = _add_up(side.block_tokens, pairs), _add_up(side.block_seconds, pairs)
        amounts = seconds if is_speed else np.full(pairs, 1.0)
        left = tokens.sum() - tokens
        with np.errstate(divide="ignore"):
            without = np.log(left) - np.log(amounts.sum() - amounts)
        whole = math.log(tokens.sum()) - math.log(amounts.sum())
        logs.append((whole, without))
        values.append(tokens.sum() / seconds.sum() if is_speed else tokens.sum())
    worse, left_out = _subtract((logs[1], logs[0]))  # fewer tokens are worse
    unit = "tokens/s" if is_speed else "tokens"
    n, baseline_n = _count_successes(ours), _count_successes(theirs)
    return Contrast(
        name, title, unit, None, n, baseline_n, float(values[0]), float(values[1]), worse, left_out, worse, left_out
    )  # fmt: skip
