"""Decide whether a service is back at its baseline after a disturbance, with both error rates bounded.

An answer is bad when it failed, or took longer than `SLOW_FACTOR` times the baseline's p95 plus `SLOW_SLACK` seconds.

- FAIL: some stretch of the answers after the limit holds more bad ones than the baseline explains. Stretches of
  doubling sizes are tried, failures and slow answers apart: k of m beside j of n in the baseline, by Fisher's exact
  test. All tests share the error rate (Bonferroni). For slow answers j is the number over the plain p95: it is larger.
- PASS: no such stretch, and the binomial tail refutes, at the error rate, that half of the answers are bad in any
  window, and that a fifth of all are.
- Otherwise: inconclusive, with the rate at which the same course of events would have been decided.

Latencies may depend on one another: the counts of slow answers are divided by the factor that the baseline's rank
correlation asks for. Answers are in the order in which they were due, at a fixed rate; a failed one has the latency
inf. `benchmarks/recovery_errors.py` simulates the error rates.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.stats.beta import binomial_cdf, log_beta
from harness.stats.sequential import RateDecision

RETURN_ALPHA = 0.05
"""The error rate of each side."""

SLOW_FACTOR, SLOW_SLACK = 2.0, 0.05
"""An answer is slow over the baseline's p95 times the factor, plus the slack in seconds."""

EFFECT_ALPHA = 0.005
"""The probability with which `shows_effect` is wrong about answers that nothing disturbs."""

_STRETCH_EXCESS, _TOTAL_EXCESS = 0.25, 0.1
"""How much larger than in the baseline the share of bad answers must be, in a stretch and in all: less is no outage."""

_WINDOW_SHARE, TOTAL_SHARE = 0.5, 0.2
"""The shares of bad answers, in a window and in all, that a PASS refutes."""

_SHORTEST_STRETCH, _SHORTEST_WINDOW, _SHORTEST_REST = (5, 0.5), (20, 2.0), (50, 3.0)
"""Requests and seconds, of which the longer one counts."""

_SCORE_BAD, _SCORE_GOOD = math.log(0.5 / 0.05), math.log(0.5 / 0.95)
"""The log likelihood ratios of a service half of whose answers are bad against one with a twentieth."""


@dataclass(frozen=True, slots=True)
class Yardstick:
    """A baseline of `n` answers, `failed` of which failed; `above_p95` good ones took longer than the p95, in seconds.

    `clumping` is how many dependent latencies tell as much as one independent one; `rate` is in requests/s.
    """

    n: int
    failed: int
    above_p95: int
    p95: float
    clumping: float
    rate: float

    @property
    def slow_over(self) -> float:
        """The latency in seconds over which an answer is slow."""
        return SLOW_FACTOR * self.p95 + SLOW_SLACK


@dataclass(frozen=True, slots=True)
class Stretch:
    """The answers in [start, end), `bad` of which are bad."""

    start: int
    end: int
    bad: int


@dataclass(frozen=True, slots=True)
class RecoveryDecision:
    """The decision over the answers after a limit; `stretch` is the last broken one of a FAIL.

    `rate_needed` is the first multiple of the rate that would decide an inconclusive course of events; None: none of
    those tried.
    """

    decision: RateDecision
    stretch: Stretch | None = None
    rate_needed: float | None = None


def measure_yardstick(latencies: ArrayLike, rate: float) -> Yardstick:
    """The yardstick of a baseline's latencies in seconds (inf: failed). Raises `ValueError` when none is good."""
    values = np.asarray(latencies, dtype=float)
    good = values[np.isfinite(values)]
    if not len(good):
        raise ValueError("a baseline without a good answer is no yardstick")
    rank = math.ceil(0.95 * len(good))
    p95 = float(np.sort(good)[rank - 1])
    above = int((good > p95).sum())
    return Yardstick(len(values), len(values) - len(good), above, p95, _estimate_clumping(good), rate)


def count_rest(rate: float) -> int:
    """How many answers after the limit a decision needs, at so many requests/s."""
    return _count_requests(_SHORTEST_REST, rate)


def decide_recovery(yardstick: Yardstick, latencies: ArrayLike) -> RecoveryDecision:
    """Decide over the latencies in seconds of all requests that were due after the limit (inf: failed)."""
    values = np.asarray(latencies, dtype=float)
    decision = _decide(yardstick, values)
    if decision.decision != "inconclusive" or not len(values):
        return decision
    for factor in range(2, 11):
        denser = replace(
            yardstick,
            n=factor * yardstick.n,
            failed=factor * yardstick.failed,
            above_p95=factor * yardstick.above_p95,
            rate=factor * yardstick.rate,
        )
        if _decide(denser, np.repeat(values, factor)).decision != "inconclusive":
            return replace(decision, rate_needed=denser.rate)
    return decision


def is_recovered(yardstick: Yardstick, latencies: ArrayLike) -> bool:
    """Whether `decide_recovery` would PASS."""
    return _decide(yardstick, np.asarray(latencies, dtype=float)).decision == "pass"


def find_broken_stretch(yardstick: Yardstick, latencies: ArrayLike) -> Stretch | None:
    """The last stretch with more bad answers than the baseline explains, at the error rate over all stretches."""
    values = np.asarray(latencies, dtype=float)
    total = len(values)
    failed, slow = np.isinf(values), np.isfinite(values) & (values > yardstick.slow_over)
    sums = [np.concatenate(([0], np.cumsum(flags))) for flags in (failed, slow)]
    sizes = list(_list_sizes(yardstick.rate, total))
    last: Stretch | None = None
    for size in sizes:
        starts = np.unique(np.append(np.arange(0, total - size + 1, size), total - size))
        share = _TOTAL_EXCESS if size == total else _STRETCH_EXCESS
        alpha = RETURN_ALPHA / (2 * len(sizes) * len(starts))
        counts = [sum_[starts + size] - sum_[starts] for sum_ in sums]
        broken = (counts[0] >= _find_fewest_failed(yardstick, size, share, alpha)) | (
            counts[1] >= _find_fewest_slow(yardstick, size, share, alpha)
        )
        for start, bad in zip(starts[broken][-1:].tolist(), (counts[0] + counts[1])[broken][-1:].tolist(), strict=True):
            if last is None or start > last.start:
                last = Stretch(start, start + size, bad)
    return last


def estimate_recovery(yardstick: Yardstick, latencies: ArrayLike) -> int:
    """How many answers it took until the service was back: those up to the largest cumulative sum of their scores.

    The sum begins at the last broken stretch, so that a relapse counts.
    """
    start, sums = _sum_scores(yardstick, latencies)
    return start + int(np.argmax(sums))


def bound_recovery(yardstick: Yardstick, latencies: ArrayLike) -> tuple[int, int]:
    """How many answers it took at least and at most, as in `estimate_recovery`, at the confidence 1 - `RETURN_ALPHA`.

    The set of all places whose sum is no more than log(2 / alpha) under the largest. From the true place on, the
    exponentials of the sums are martingales of mean 1 in both directions where half of the answers are bad before it,
    and a twentieth after it: each direction misses it with half of alpha at most (Ville's inequality).
    """
    start, sums = _sum_scores(yardstick, latencies)
    places = np.flatnonzero(sums >= sums.max() - math.log(2 / RETURN_ALPHA))
    return start + int(places[0]), start + int(places[-1])


def _sum_scores(yardstick: Yardstick, latencies: ArrayLike) -> tuple[int, NDArray[np.float64]]:
    """Where the last broken stretch begins (0: there is none), and the sums of 0, 1, 2, ... scores from there on."""
    values = np.asarray(latencies, dtype=float)
    broken = find_broken_stretch(yardstick, values)
    start = broken.start if broken else 0
    scores = np.where(values[start:] > yardstick.slow_over, _SCORE_BAD, _SCORE_GOOD)
    return start, np.concatenate(([0.0], np.cumsum(scores)))


def shows_effect(yardstick: Yardstick, latencies: ArrayLike) -> bool:
    """Whether more answers fail, or take longer than the baseline's p95, than chance explains, at `EFFECT_ALPHA`."""
    values = np.asarray(latencies, dtype=float)
    failed = int(np.isinf(values).sum())
    slower = int((values > yardstick.p95).sum()) - failed
    if failed >= _find_fewest_failed(yardstick, len(values), 0.0, EFFECT_ALPHA / 2):
        return True
    return slower >= _find_fewest_slow(yardstick, len(values) - failed, 0.0, EFFECT_ALPHA / 2)


def compute_excess_p(k: int, m: int, j: float, n: float) -> float:
    """P(at least k of m are bad) beside j bad of n in the baseline: the p-value of Fisher's exact one-sided test.

    It is a beta-binomial tail with a = j + 1 and b = n - j; 1 when all n are bad. j and n may be real numbers.
    """
    return float(_compute_tails(m, j, n)[k]) if k > 0 and n > j else 1.0


def _decide(yardstick: Yardstick, values: NDArray[np.float64]) -> RecoveryDecision:
    if broken := find_broken_stretch(yardstick, values):
        return RecoveryDecision("fail", broken)
    bad = values > yardstick.slow_over
    window = min(len(bad), _count_requests(_SHORTEST_WINDOW, yardstick.rate))
    sums = np.concatenate(([0], np.cumsum(bad)))
    most = int((sums[window:] - sums[: len(sums) - window]).max())
    is_steady = binomial_cdf(most, window, _WINDOW_SHARE) <= RETURN_ALPHA
    if is_steady and binomial_cdf(int(sums[-1]), len(bad), TOTAL_SHARE) <= RETURN_ALPHA:
        return RecoveryDecision("pass")
    return RecoveryDecision("inconclusive")


def _list_sizes(rate: float, total: int) -> Iterator[int]:
    """The sizes of stretches: doubling, and all; none when all are too few for a stretch."""
    size = _count_requests(_SHORTEST_STRETCH, rate)
    while size < total:
        yield size
        size *= 2
    if total >= _count_requests(_SHORTEST_STRETCH, rate):
        yield total


def _count_requests(lengths: tuple[int, float], rate: float) -> int:
    requests, seconds = lengths
    return max(requests, math.ceil(seconds * rate - 1e-9))


def _find_fewest_failed(yardstick: Yardstick, m: int, share: float, alpha: float) -> int:
    critical = _find_critical_count(m, yardstick.failed, yardstick.n, alpha)
    return max(critical, math.floor(m * (yardstick.failed / yardstick.n + share)) + 1)


def _find_fewest_slow(yardstick: Yardstick, m: int, share: float, alpha: float) -> int:
    clumping, good = yardstick.clumping, yardstick.n - yardstick.failed
    critical = _find_critical_count(math.ceil(m / clumping), yardstick.above_p95 / clumping, good / clumping, alpha)
    return max(math.ceil(critical * clumping), math.floor(m * (yardstick.above_p95 / good + share)) + 1)


@lru_cache(maxsize=16384)
def _find_critical_count(m: int, j: float, n: float, alpha: float) -> int:
    """The smallest k whose p-value is at most alpha; m + 1 when there is none."""
    if n <= j or m == 0:
        return m + 1
    return max(1, int((_compute_tails(m, j, n) > alpha).sum()))


def _compute_tails(m: int, j: float, n: float) -> NDArray[np.float64]:
    """P(X >= k) for k = 0..m, X beta-binomial with m draws, a = j + 1 and b = n - j > 0."""
    a, b = j + 1, n - j
    i = np.arange(m - 1, -1, -1, dtype=float)
    steps = np.log((i + 1) * (b + m - i - 1) / ((m - i) * (a + i)))
    logs = log_beta(a + m, b) - log_beta(a, b) + np.concatenate(([0.0], np.cumsum(steps)))
    tails: NDArray[np.float64] = np.minimum(1.0, np.cumsum(np.exp(logs)))[::-1]
    return tails


def _estimate_clumping(good: NDArray[np.float64]) -> float:
    """How many latencies tell as much as one: (1 + r) / (1 - r) for a significant lag-1 rank correlation r."""
    n = len(good)
    _, places, counts = np.unique(good, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places] - (n + 1) / 2  # equal latencies share a rank
    if len(counts) == 1:
        return 1.0
    r = float((ranks[1:] * ranks[:-1]).sum() / (ranks * ranks).sum())
    if r <= 1.645 / math.sqrt(n):
        return 1.0
    r = min(0.95, r + (1 + 4 * r) / n)  # the estimate is biased towards 0 (Kendall 1954)
    return (1 + r) / (1 - r)
