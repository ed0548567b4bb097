"""Simulate how often a comparison of two endpoints by turns errs: python -m benchmarks.turn_errors [RUNS].

A candidate that is worse by exactly the margin must PASS, and must FAIL, in at most 5 % of the runs. Times are
lognormal; a disturbance of both endpoints that lasts several turns cancels out, one of each endpoint's own does not.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Iterator

import numpy as np

from harness.stats.block_histogram import BlockHistogram
from harness.stats.dependence import TIME_BLOCKS
from harness.stats.paired_turns import judge_ratio, judge_share_difference

SEED, RUNS, MARGIN, SHARE_MARGIN = 20261129, 1000, 0.1, 0.01
WORLDS = {
    "independent requests": (0.0, 0.0, 0.0),
    "slow drift of both": (0.3, 0.0, 0.0),
    "turns that differ": (0.2, 0.1, 0.0),
    "own disturbances of several turns": (0.2, 0.1, 0.5),
}
"""By world: the standard deviation (of log times) of disturbances that both endpoints share, that of each one's own,
and how strongly the latter correlate from one turn to the next.
"""


def draw_drift(draw: np.random.Generator, pairs: int, spread: float, correlation: float) -> np.ndarray:
    """A disturbance by pair, shape (pairs,), of this standard deviation."""
    noise = draw.standard_normal(pairs) * spread * math.sqrt(1 - correlation**2)
    drift = np.empty(pairs)
    drift[0] = draw.standard_normal() * spread
    for i in range(1, pairs):
        drift[i] = correlation * drift[i - 1] + noise[i]
    return drift


def compare_times(
    draw: np.random.Generator, pairs: int, n: int, q: float, ratio: float, world: tuple[float, float, float]
) -> str:
    """The decision about one quantile of `n` times a turn, where the candidate takes `ratio` times as long."""
    common = draw_drift(draw, pairs, world[0], 0.8)
    results = []
    for factor in (ratio, 1.0):
        histogram = BlockHistogram(TIME_BLOCKS)
        own = draw_drift(draw, pairs, world[1], world[2])
        times = factor * np.exp(common + own)[:, None] * np.exp(0.5 * draw.standard_normal((pairs, n))) / 10
        blocks = np.repeat(np.arange(pairs) * (TIME_BLOCKS // pairs), n)
        histogram.add(blocks, times.ravel())
        results.append(histogram.compute_log_quantiles(pairs, q))
    (ours, our_rest), (theirs, their_rest) = results
    return judge_ratio(ours - theirs, our_rest - their_rest, math.log1p(MARGIN)).decision


def compare_shares(draw: np.random.Generator, pairs: int, n: int, share: float, more: float, spread: float) -> str:
    """The decision about the failures of `n` requests a turn; bursts multiply the share of a turn."""
    table = []
    for _ in range(pairs):
        bursts = np.exp(spread * draw.standard_normal(2) - spread**2 / 2)
        shares = np.minimum(1.0, np.array([share + more, share]) * bursts)
        bad = draw.binomial(n, shares)
        table.append((n, bad[0], n, bad[1]))
    return judge_share_difference(table, SHARE_MARGIN).decision


def simulate_times(runs: int, pairs: int, n: int, q: float, world: str, ratio: float) -> Counter[str]:
    """How often each decision falls."""
    draw = np.random.default_rng([SEED, pairs, n, int(q * 100), list(WORLDS).index(world), int(ratio * 1000)])
    return Counter(compare_times(draw, pairs, n, q, ratio, WORLDS[world]) for _ in range(runs))


def simulate_shares(runs: int, pairs: int, n: int, share: float, more: float, spread: float) -> Counter[str]:
    """How often each decision falls."""
    draw = np.random.default_rng([SEED, pairs, n, int(share * 1000), int(more * 1000), int(spread * 10)])
    return Counter(compare_shares(draw, pairs, n, share, more, spread) for _ in range(runs))


def _list_lines(runs: int) -> Iterator[str]:
    yield f"{runs} runs a line, seed {SEED}; at the margin PASS and FAIL are errors, and at most 5 % are allowed each"
    for world in WORLDS:
        for pairs, n, q in ((6, 100, 0.5), (12, 50, 0.9), (30, 50, 0.9), (30, 200, 0.99)):
            for ratio in (1 + MARGIN, 1.0, 1.3):
                counts = simulate_times(runs, pairs, n, q, world, ratio)
                shares = f"PASS {counts['pass'] / runs:.3f}  FAIL {counts['fail'] / runs:.3f}"
                yield f"{world}, {pairs} pairs of {n}, p{q * 100:g}, {ratio:g} times as long: {shares}"
    for pairs, n, share in ((12, 50, 0.0), (12, 50, 0.02), (30, 100, 0.005), (30, 100, 0.1)):
        for spread in (0.0, 1.0):
            for more in (SHARE_MARGIN, 0.0, 0.05):
                counts = simulate_shares(runs, pairs, n, share, more, spread)
                shares = f"PASS {counts['pass'] / runs:.3f}  FAIL {counts['fail'] / runs:.3f}"
                yield f"failures {share:g} and {more:g} more, bursts {spread:g}, {pairs} pairs of {n}: {shares}"


def main() -> None:
    """Print a line for each case."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    for line in _list_lines(runs):
        print(line, flush=True)


if __name__ == "__main__":
    main()
