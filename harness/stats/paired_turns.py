"""Whether a candidate is worse than a baseline by more than a margin, from pairs of turns in one run.

A turn is some seconds of load on one of the two; the two turns of a pair follow each other in random order. Requests
of a turn depend on one another, so turns are the samples, and not requests.

- Ratios (of quantiles, of sums): the jackknife over pairs (Miller 1974, Biometrika 61:1), Student's t with pairs - 1
  degrees of freedom. What is the same for both turns of a pair cancels out. Pairs that depend on their neighbours show
  when they are added up: of all windows of equal length, down to 6, those with the widest interval count.
- Shares: Farrington and Manning's score test with exact tails (`stats/difference.py`), with the counts divided by how
  many times the difference between the turns of a pair varies more than that of independent requests.

`benchmarks/turn_errors.py` simulates the error rates of both.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.stats.dependence import compute_student_factor
from harness.stats.difference import DifferenceDecision, SampleCounts, judge_difference
from harness.stats.sequential import RateDecision

FEWEST_TURN_PAIRS = 6
"""Fewer windows than this do not show how much their values vary."""

_POWER = 0.8
_MOST_GROWTH = 1000.0


def judge_ratio(
    worse: float, left_out: ArrayLike, margin: float, alpha_pass: float = 0.05, alpha_fail: float = 0.05
) -> DifferenceDecision:
    """Judge whether the candidate is worse by at most `margin`, both as logarithms of a ratio.

    `left_out` has the shape (pairs,): the value without each pair. PASS refutes "worse by at least the margin", FAIL
    "worse by at most the margin". `n_needed` is in pairs of this length. Raises `ValueError` for under 6 pairs.
    """
    without = np.asarray(left_out, dtype=float)
    pairs = len(without)
    if pairs < FEWEST_TURN_PAIRS or not np.isfinite(without).all() or not math.isfinite(worse):
        raise ValueError(
            f"finite values without each of at least {FEWEST_TURN_PAIRS} pairs are needed, got {left_out!r}"
        )
    values = pairs * worse - (pairs - 1) * without
    upper = worse + _measure_spread(values, alpha_pass)
    lower = worse - _measure_spread(values, alpha_fail)
    decision: RateDecision = "inconclusive"
    if lower > margin:
        decision = "fail"
    elif upper < margin:
        decision = "pass"
    needed = None
    if decision == "inconclusive" and worse != margin:
        z = NormalDist().inv_cdf(1 - min(alpha_pass, alpha_fail))
        spread = _measure_spread(values, min(alpha_pass, alpha_fail)) * (1 + NormalDist().inv_cdf(_POWER) / z)
        growth = (spread / abs(worse - margin)) ** 2
        needed = int(max(1.0, growth) * pairs) + 1 if growth <= _MOST_GROWTH else None
    return DifferenceDecision(decision, worse, lower, upper, needed)


def judge_share_difference(
    counts: ArrayLike, margin: float, alpha_pass: float = 0.05, alpha_fail: float = 0.05
) -> DifferenceDecision:
    """Judge whether the candidate's share of bad samples is at most `margin` above the baseline's.

    `counts` has the shape (pairs, 4): samples and bad ones of the candidate, then of the baseline. `n_needed` is in
    samples of each. Raises `ValueError`.
    """
    table = np.asarray(counts, dtype=float)
    n, bad, baseline_n, baseline_bad = table.sum(axis=0).astype(int).tolist()
    if len(table) < FEWEST_TURN_PAIRS or not n or not baseline_n:
        raise ValueError(
            f"samples of both in at least {FEWEST_TURN_PAIRS} pairs of turns are needed, got {table.tolist()}"
        )
    ratios = _list_share_ratios(table)
    effect = 1.0
    for alpha in (alpha_pass, alpha_fail):
        for windows, ratio in ratios:
            effect = max(effect, ratio * compute_student_factor(windows, alpha))
    samples = SampleCounts(n, bad, baseline_n, baseline_bad)
    return judge_difference(samples, margin, alpha_pass, alpha_fail, (effect, effect))


def _list_windows(pairs: int) -> list[int]:
    """Into how many windows of equal length the pairs can be added up, from one pair each."""
    return [windows for windows in range(pairs, FEWEST_TURN_PAIRS - 1, -1) if pairs % windows == 0]


def _measure_spread(values: NDArray[np.float64], alpha: float) -> float:
    """Half the width of the interval for the mean of these values, which are in order."""
    z = NormalDist().inv_cdf(1 - alpha)
    widths = []
    for windows in _list_windows(len(values)):
        variance = float(np.var(values.reshape(windows, -1).mean(axis=1), ddof=1)) / windows
        widths.append(variance * compute_student_factor(windows, alpha))
    return z * math.sqrt(max(widths))


def _list_share_ratios(table: NDArray[np.float64]) -> list[tuple[int, float]]:
    """How many times the difference within a pair varies more than that of independent requests, by windows."""
    ratios = []
    totals = table.sum(axis=0)
    shares = totals[1] / totals[0], totals[3] / totals[2]
    for windows in _list_windows(len(table)):
        n, bad, baseline_n, baseline_bad = table.reshape(windows, -1, 4).sum(axis=1).T
        distance = (bad - shares[0] * n) - (baseline_bad - shares[1] * baseline_n)
        variance = n * shares[0] * (1 - shares[0]) + baseline_n * shares[1] * (1 - shares[1])
        if not (variance > 0).all():
            continue
        ratios.append((windows, float((distance**2 / variance).sum()) / (windows - 1)))
    return ratios
