"""How often answers are called shorter than before, simulated: nothing lost, survivors of a deadline, real losses.

`python -m benchmarks.shortening_errors [RUNS]`: RUNS a cell (400 if not given), a fixed seed. Sizes are lognormal with
sigma, around a mean of their own for each query. "deadline": the longest third of the answers under the fault fail.
"cut 20 %", "cut 60 %": so many answers under the fault end after 10 characters. "seen": the share of runs without a
loss in which the verdict may say that answers are whole. Assumption: the sizes of answers to one query do not drift.
"""

from __future__ import annotations

import math
import sys

import numpy as np

from harness.stats.shortening import SHORTENING_ALPHA, Groups, compute_shortening_p, would_show_cut

SEED = 5
SIGMAS, SHAPES = (0.05, 0.4, 1.0), ((4, 12, 12), (4, 6, 6), (2, 25, 25))
"""Spreads; queries, and answers to each before and under the fault."""


def draw_groups(random: np.random.Generator, shape: tuple[int, int, int], sigma: float, course: str) -> Groups:
    """The sizes of one run."""
    queries, before, under = shape
    groups = []
    for _ in range(queries):
        mean = random.normal(5, 1)
        first, second = np.ceil(random.lognormal(mean, sigma, before)), np.ceil(random.lognormal(mean, sigma, under))
        if course == "deadline":
            second[second > math.exp(mean + 0.43 * sigma)] = math.inf
        if course.startswith("cut"):
            second[random.random(under) < float(course[3:]) / 100] = 10
        groups.append((first, second))
    return groups


def simulate(shape: tuple[int, int, int], sigma: float, course: str, runs: int) -> float:
    """The share of runs that are called shorter; for `seen` that would show a loss."""
    random = np.random.default_rng([SEED, round(100 * sigma), *shape])
    hits = 0
    for run in range(runs):
        groups = draw_groups(random, shape, sigma, course)
        if course == "seen":
            hits += would_show_cut(groups, run)
        else:
            hits += compute_shortening_p(groups, run) <= SHORTENING_ALPHA
    return hits / runs


def main() -> int:
    """Print the table; exit status 1 where nothing is lost and more runs are called shorter than stated."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    allowed = SHORTENING_ALPHA + 3 * math.sqrt(SHORTENING_ALPHA / runs)
    courses = ("nothing", "deadline", "cut 20", "cut 60", "seen")
    print(f"called shorter, {runs} runs a cell; stated {SHORTENING_ALPHA:.1%}")
    print(f"{'queries, before, under':24s}{'sigma':>6s}  " + "".join(f"{course:>10s}" for course in courses))
    missed = 0
    for shape in SHAPES:
        for sigma in SIGMAS:
            row = [simulate(shape, sigma, course, runs) for course in courses]
            missed += max(row[:2]) > allowed
            print(f"{shape!s:24s}{sigma:6g}  " + "".join(f"{share:10.3f}" for share in row), flush=True)
    print(f"{missed} rows missed a bound" if missed else "every bound was kept")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
