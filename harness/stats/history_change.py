"""One figure over many runs: has it changed for good, is it steady, or do the runs differ too much to say?

The runs are exchangeable where nothing has changed: the largest weighted difference of means over all splits is
compared with that of random orders of the same runs, which keeps the stated rate of false alarms whatever the
distribution. A slow slide is found like a step, by its sum. Tested in tests/stats/test_history_change.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FEWEST_RUNS = 10
_EDGE = 3
"""Runs that stand on each side of a split at least."""
_ORDERS = 1999
_Z_ALPHA, _Z_POWER = 1.645, 0.842
"""Normal quantiles of an error rate of 5 % and a power of 80 %."""


@dataclass(frozen=True, slots=True)
class HistoryVerdict:
    """What the runs say of one figure; changes are relative (0.08: 8 % more).

    `change` is that of the later runs, from place `begin` on, against the earlier ones; `p` the share of random orders
    with a split as large; `spread` the relative standard deviation between runs; `visible` the smallest change of the
    last runs that is seen four times in five.
    """

    state: Literal["changed", "steady", "undecided"]
    change: float
    begin: int
    p: float
    spread: float
    visible: float


def judge_history(values: Sequence[float], margin: float, *, alpha: float = 0.05, seed: int = 0) -> HistoryVerdict:
    """Judge positive values of runs in their order; a change counts from half of `margin` on.

    UNDECIDED: fewer than ten runs, or runs that differ so much that a change by the margin would not be seen.
    """
    logs = np.log(np.asarray(values, dtype=float))
    n = len(logs)
    if n < FEWEST_RUNS or not np.isfinite(logs).all():
        return HistoryVerdict("undecided", 0.0, n, 1.0, math.inf, math.inf)
    scores = _score_splits(logs[None, :])[0]
    place = int(scores.argmax())
    begin = place + _EDGE
    change = float(logs[begin:].mean() - logs[:begin].mean())
    generator = np.random.default_rng(seed)
    orders = generator.permuted(np.tile(logs, (_ORDERS, 1)), axis=1)
    largest = _score_splits(orders).max(axis=1)
    p = (1 + int((largest >= scores[place] - 1e-12).sum())) / (1 + _ORDERS)
    steps = np.diff(logs)
    spread = math.sqrt(float((steps**2).mean()) / 2)  # differences of neighbours: a step counts once
    last = _EDGE if n < 15 else 5
    visible = (_Z_ALPHA + _Z_POWER) * spread * math.sqrt(1 / last + 1 / (n - last))
    state: Literal["changed", "steady", "undecided"] = "steady"
    if visible > math.log1p(margin):
        state = "undecided"
    elif p <= alpha and abs(change) >= math.log1p(margin) / 2:
        state = "changed"
    return HistoryVerdict(state, math.expm1(change), begin, p, spread, math.expm1(visible))


def _score_splits(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each row, the weighted difference of means at every split with enough runs on both sides."""
    n = rows.shape[1]
    sums = np.cumsum(rows, axis=1)[:, _EDGE - 1 : n - _EDGE]
    sizes = np.arange(_EDGE, n - _EDGE + 1)
    expected = rows.sum(axis=1, keepdims=True) * sizes / n
    weights = np.sqrt(sizes * (n - sizes) / n)
    return np.asarray(np.abs(sums - expected) / weights)
