"""Is a figure of one new run worse than those of several earlier runs by more than a margin?

Figures are compared by their logarithms, which count as normal with one spread for all runs: Student's t for one more
value, with runs - 1 degrees of freedom. It holds for runs that differ from one another as the new one does from them:
the caller must not take five runs of one hour for the spread between days. Tested in tests/stats/test_run_spread.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.stats.student import compute_student_tail, find_student_quantile

FEWEST_PASSED_RUNS = 5
_LEAST_SPREAD = 1e-4
"""Equal runs do not show that the next one is equal, too."""


@dataclass(frozen=True, slots=True)
class SpreadVerdict:
    """How much worse the new run is, relatively (0.08: by 8 %), with one-sided bounds at alpha each.

    `p` is that of "worse by at most the margin"; `spread` the relative standard deviation between the `runs`.
    """

    worse: float
    lower: float
    upper: float
    p: float
    spread: float
    runs: int


def judge_new_run(
    earlier: Sequence[float], new: float, margin: float, *, more_is_better: bool = False, alpha: float = 0.05
) -> SpreadVerdict:
    """Compare the positive figure of a new run with those of earlier ones.

    Raises `ValueError` for fewer than five runs, or values that are not positive and finite.
    """
    values = np.asarray([*earlier, new], dtype=float)
    if len(earlier) < FEWEST_PASSED_RUNS or not (np.isfinite(values).all() and (values > 0).all()):
        raise ValueError(f"at least {FEWEST_PASSED_RUNS} positive figures are needed, got {list(earlier)}, {new}")
    logs = np.log(values) * (-1 if more_is_better else 1)
    n = len(earlier)
    spread = max(_LEAST_SPREAD, float(logs[:-1].std(ddof=1)))
    error = spread * math.sqrt(1 + 1 / n)
    worse = float(logs[-1] - logs[:-1].mean())
    reach = find_student_quantile(n - 1, alpha) * error
    p = compute_student_tail((worse - math.log1p(margin)) / error, n - 1)
    bounds = math.expm1(worse - reach), math.expm1(worse + reach)
    return SpreadVerdict(math.expm1(worse), *bounds, p, math.expm1(spread), n)
