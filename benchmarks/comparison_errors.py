"""Error rates and power of the comparison with a baseline: exactly for independent pairs, simulated for streams.

`python -m benchmarks.comparison_errors [RUNS]`: RUNS simulated comparisons a row (200 if not given), fixed seeds.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks._streams import INDEPENDENT, STREAMS, Random, Stream, Values
from benchmarks.boundary_errors import FEWEST_DISTURBANCES, HEALTHY
from harness.stats.dependence import MIN_EPISODES
from harness.stats.difference import (
    PairCounts,
    SampleCounts,
    decide_difference,
    list_likely_counts,
    measure_pair_dependence,
    score_pairs,
    score_samples,
)
from harness.stats.sequential import MIN_EXCEEDANCES, RateDecision

Counts = NDArray[np.int64]

MOST, MOST_OF_SMALL = 0.0505, 0.053
"""Exact error rates, of at least 100 requests and of fewer: what lies over .05 is the price of the unknown share."""
SIZES = ((20, 0.2), (60, 0.2), (100, 0.05), (400, 0.01), (500, 0.05), (1600, 0.01), (3000, 0.01))
"""Pairs and margin: small ones, and those of the profiles pr, release and strict."""
PASS_OF_EQUALS, FAIL_OF_WORSE = 0.86, 0.66
"""Targets of independent pairs at n = 1,600 and a margin of 1 %."""
SEED = 12


@dataclass(frozen=True, slots=True)
class Region:
    """The decision about every outcome: two counts, shape (outcomes,), and whether it PASSes or FAILs."""

    outcomes: tuple[Counts, Counts]
    passes: NDArray[np.bool_]
    fails: NDArray[np.bool_]

    def sum_up(self, weights: Values) -> tuple[float, float]:
        """The probabilities of PASS and FAIL, if these are those of the outcomes."""
        return float(weights[self.passes].sum()), float(weights[self.fails].sum())


def list_pair_region(n: int, margin: float, largest: float) -> Region:
    """The decisions about all outcomes of pairs that a better share of at most `largest` makes likely."""
    worse, better = _list_outcomes(n, margin, largest)
    possible = worse + better <= n
    worse, better = worse[possible], better[possible]
    counts = [PairCounts(n, *outcome) for outcome in zip(worse.tolist(), better.tolist(), strict=True)]
    return _decide_all(score_pairs(worse, better, n, margin), (worse, better), counts, margin)


def list_sample_region(n: int, margin: float, largest: float) -> Region:
    """The decisions about all outcomes of two samples that a baseline's share of at most `largest` makes likely."""
    over, baseline_over = _list_outcomes(n, margin, largest)
    counts = [SampleCounts(n, k1, n, k0) for k1, k0 in zip(over.tolist(), baseline_over.tolist(), strict=True)]
    return _decide_all(score_samples(over, n, baseline_over, n, margin), (over, baseline_over), counts, margin)


def _list_outcomes(n: int, margin: float, largest: float) -> tuple[Counts, Counts]:
    sizes = [int(list_likely_counts(n, min(1.0, share))[-1]) + 1 for share in (largest + 3 * margin, largest)]
    first, second = np.indices(sizes)
    return first.ravel(), second.ravel()


def _decide_all(
    scores: Values, outcomes: tuple[Counts, Counts], counts: Sequence[PairCounts | SampleCounts], margin: float
) -> Region:
    """Only outcomes near the edge are asked: a score of 1.3 never decides, one of 2.4 always does (2.8: of a few)."""
    low, high = (1.3, 2.4) if counts[0].n >= 500 else (1.0, 2.8)
    passes, fails = scores <= -high, (scores >= high) & (outcomes[0] >= MIN_EXCEEDANCES)
    for place in np.flatnonzero((np.abs(scores) > low) & (np.abs(scores) < high)).tolist():
        decision = decide_difference(counts[place], margin)
        passes[place], fails[place] = decision == "pass", decision == "fail"
    return Region(outcomes, passes, fails)


def weigh_pairs(region: Region, n: int, worse: float, better: float) -> Values:
    """The probability of each outcome of n pairs, shape (outcomes,), with these shares of worse and better ones."""
    first, second = region.outcomes
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])
    ways = factorials[n] - factorials[first] - factorials[second] - factorials[n - first - second]
    logs = ways + _raise_log(first, worse) + _raise_log(second, better)
    return np.asarray(np.exp(logs + _raise_log(n - first - second, 1 - worse - better)))


def weigh_samples(region: Region, n: int, share: float, baseline_share: float) -> Values:
    """The probability of each outcome of two samples of n, shape (outcomes,), with these shares over the limit."""
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])
    logs = np.zeros(len(region.passes))
    for k, rate in zip(region.outcomes, (share, baseline_share), strict=True):
        logs += factorials[n] - factorials[k] - factorials[n - k] + _raise_log(k, rate) + _raise_log(n - k, 1 - rate)
    return np.exp(logs)


def _raise_log(k: Counts, share: float) -> Values:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(k == 0, 0.0, k * np.log(max(share, 0.0))))


def weigh_independent_pairs(region: Region, n: int, share: float, baseline_share: float) -> Values:
    """As `weigh_pairs`, where what meets one side says nothing of the other."""
    return weigh_pairs(region, n, share * (1 - baseline_share), baseline_share * (1 - share))


def weigh_alike_pairs(region: Region, n: int, share: float, baseline_share: float) -> Values:
    """As `weigh_pairs`, where three of four requests over the limit at the baseline are over it here, too."""
    better = baseline_share / 4
    return weigh_pairs(region, n, share - baseline_share + better, better)


DESIGNS = (
    ("independent pairs", list_pair_region, weigh_independent_pairs),
    ("3 of 4 in common", list_pair_region, weigh_alike_pairs),
    ("two samples", list_sample_region, weigh_samples),
)
"""How the two sides were asked: the decisions, and the probabilities of the outcomes by share and baseline's share."""


def list_shares(margin: float, largest: float) -> list[float]:
    """Shares of the baseline at which an error rate is computed: none, and 60 up to the largest."""
    return [0.0, *np.geomspace(margin / 100, largest, 60).tolist()]


def print_exact_rates(sizes: Sequence[tuple[int, float]] = SIZES) -> bool:
    """All designs and sizes, requests independent of one another. Returns whether a target was missed."""
    missed = False
    print("requests independent of one another, exactly; b is the margin, which is the objective's budget:")
    print("n       b      design              false PASS  false FAIL  |  PASS at b, at b/2  |  FAIL of 3 b against b")
    for n, margin in sizes:
        largest = min(3 * margin, 0.9 - margin)
        for name, list_region, weigh in DESIGNS:
            region = list_region(n, margin, largest)
            edge = [region.sum_up(weigh(region, n, share + margin, share)) for share in list_shares(margin, largest)]
            false_pass, false_fail = (max(rates) for rates in zip(*edge, strict=True))
            equal, half = (region.sum_up(weigh(region, n, share, share))[0] for share in (margin, margin / 2))
            worse = region.sum_up(weigh(region, n, 3 * margin, margin))[1]
            print(
                f"{n:<6}  {margin:<5g}  {name:18}  {false_pass:10.4f}  {false_fail:10.4f}  |  "
                f"{equal:9.4f}  {half:7.4f}  |  {worse:9.4f}"
            )
            missed |= max(false_pass, false_fail) > (MOST if n >= 100 else MOST_OF_SMALL)
            missed |= n == 1600 and (equal < PASS_OF_EQUALS or worse < FAIL_OF_WORSE)
    return missed


def simulate_stream(random: Random, stream: Stream, n: int, margin: float, shares: tuple[float, float], runs: int,
                    common: float) -> tuple[float, float]:  # fmt: skip
    """The shares of PASS and FAIL in `runs` comparisons of n pairs; `shares` are those of candidate and baseline.

    Each side has a stream of its own and, at a share of `common`, the disturbances that meet both.
    """
    times = np.broadcast_to(np.arange(n, dtype=float), (runs, n))
    shared = stream.draw(random, common, times) > stream.find_limit(common)
    sides = []
    for share in shares:
        rest = (share - common) / (1 - common)
        values = stream.draw(random, rest, times) - stream.find_limit(rest)  # over the limit where positive
        sides.append(np.where(shared, np.abs(values), values))
    decisions = [_judge(ours, theirs, margin) for ours, theirs in zip(*sides, strict=True)]
    return decisions.count("pass") / runs, decisions.count("fail") / runs


def _judge(ours: Values, theirs: Values, margin: float) -> RateDecision:
    over, baseline_over = ours > 0, theirs > 0
    counts = PairCounts(len(ours), int((over & ~baseline_over).sum()), int((baseline_over & ~over).sum()))
    lowest = min(ours.min(), theirs.min())
    dependence = measure_pair_dependence(ours - lowest, theirs - lowest, -lowest, 1 - margin)
    assert dependence is not None
    effect = dependence.inflate(0.05)
    if dependence.fewest_episodes < MIN_EPISODES - 1:
        effect = float(len(ours))
    return decide_difference(counts, margin, effect=(effect,))


def print_stream_rates(runs: int) -> bool:
    """Pairs that depend on one another, in the order of requests. Returns whether a target was missed."""
    missed = False
    for n, margin in ((500, 0.05), (1600, 0.01)):
        for part, name in ((1e-9, "each side disturbed by itself"), (0.5, "half of the baseline's in common")):
            print(f"\n{n} pairs, margin {margin:.0%}, {name}, {runs} runs:")
            print("stream                     false PASS  false FAIL  |  both at 0.3 b: PASS  FAIL")
            for row, stream in enumerate(STREAMS):
                if stream.every is not None and not stream.in_requests:
                    continue  # in the order of requests there are no seconds
                random = np.random.default_rng([SEED, row, n])
                edge = simulate_stream(random, stream, n, margin, (2 * margin, margin), runs, part * margin)
                low = HEALTHY * margin
                healthy = simulate_stream(random, stream, n, margin, (low, low), runs, part * low)
                is_rare = stream.count_disturbances(margin, n, 0) < FEWEST_DISTURBANCES
                is_rare |= part > 0.1 and stream.name.startswith("pause")  # half of one request in a hundred is none
                left, right = "()" if is_rare else "  "
                print(
                    f"{stream.name:25}  {left}{edge[0]:8.3f}{right}  {left}{edge[1]:8.3f}{right}  |  "
                    f"{healthy[0]:19.3f}  {healthy[1]:.3f}"
                )
                missed |= not is_rare and max(edge) > 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)
                missed |= stream is INDEPENDENT and healthy[0] < 0.9
    print(f"\nin brackets: expected less than {FEWEST_DISTURBANCES} times in a run, without a target")
    return missed


def main(runs: int = 200) -> int:
    """Print all tables; 1 if a target was missed."""
    missed = print_exact_rates()
    missed |= print_stream_rates(runs)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main(*(int(argument) for argument in sys.argv[1:])))
