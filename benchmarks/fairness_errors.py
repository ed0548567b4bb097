"""How often the verdict on a gap between groups errs, and what it sees: a table for docs/fairness.md.

`python -m benchmarks.fairness_errors [RUNS]`: RUNS simulated data sets a cell (400 if not given), fixed seeds.
"""

from __future__ import annotations

import sys

import numpy as np

from harness.stats.group_gap import bound_gap

LIMIT, MARGIN, SHARE = 0.1, 0.02, 0.5
GROUPS, SIZES, GAPS = (2, 4, 8), (300, 1000, 3000, 10_000), (0.0, 0.05, 0.1, 0.2, 0.3)


def count_verdicts(groups: int, n: int, gap: float, runs: int) -> tuple[float, float]:
    """The shares of PASS and FAIL for groups of which every second one has a share that is lower by the gap."""
    generator = np.random.default_rng((groups, n))
    sizes = np.full(groups, n // groups)
    shares = np.where(np.arange(groups) % 2, SHARE - gap / 2, SHARE + gap / 2)
    passes = fails = 0
    for _ in range(runs):
        bounds = bound_gap(generator.binomial(sizes, shares).astype(float), sizes.astype(float), (0.05, 0.05), LIMIT)
        fails += bounds.lower > LIMIT
        passes += bounds.lower <= LIMIT and bounds.upper < LIMIT + MARGIN
    return passes / runs, fails / runs


def main() -> None:
    """Print the table."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    print(f"| groups | rows | {' | '.join(f'gap {gap:g}' for gap in GAPS)} |")
    print("|---|---|" + "---|" * len(GAPS))
    for groups in GROUPS:
        for n in SIZES:
            cells = [count_verdicts(groups, n, gap, runs) for gap in GAPS]
            shown = " | ".join(f"{passes * 100:.0f} / {fails * 100:.0f}" for passes, fails in cells)
            print(f"| {groups} | {n:,} | {shown} |")


if __name__ == "__main__":
    main()
