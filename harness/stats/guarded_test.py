"""Decide a rate request by request, guarded against requests that depend on one another.

The e-processes of `RateTest` are valid for independent requests only. So each of their decisions must pass the test for
dependence of `dependence.py` over the requests so far; where it does not, all planned requests are counted and judged
by independent episodes. PASS comes at the earliest where 30 slow requests are expected at the loosened budget: six
episodes of five. Fewer would leave out what comes a few times in the planned requests. FAIL comes at the earliest after
40 requests, or after 12 that were all over the limit.
"""

from __future__ import annotations

import math

import numpy as np

from harness.stats.confidence import compute_rate_interval, estimate_rate
from harness.stats.dependence import (
    FEWEST_REQUESTS,
    DependentDecision,
    count_over_own_quantiles,
    judge_dependent_rate,
    measure_dependence,
    sum_into_blocks,
)
from harness.stats.sequential import RateDecision, RateTest

EXPECTED_TO_PASS = 30
"""PASS needs so many requests that this many of them would be over the limit at the loosened budget."""

FEWEST_ALL_OVER = 12
"""So many first requests FAIL where all are over the limit and the budget is at most alpha.

Whatever the dependence, the first request alone is over with a probability of at most the budget.
"""


def compute_least_n(loosened: float, cap: int) -> int:
    """The fewest requests that PASS."""
    return min(cap, math.ceil(EXPECTED_TO_PASS / loosened - 1e-9))


class GuardedRateTest:
    """A rate test in progress: counts n requests and k over the limit until `decision` is no longer None.

    The decision is final: later requests are not counted. `judged` is the decision by independent episodes, or None
    where the requests were taken as independent. `limit` is what the values are compared with; where they stay far
    below it (`count_over_own_quantiles`), their dependence there does not count.
    """

    def __init__(self, test: RateTest, limit: float = 0.0) -> None:
        self.test = test
        self._limit = limit
        self.n = 0
        self.k = 0
        self.decision: RateDecision | None = None
        self.judged: DependentDecision | None = None
        self._is_dependent = False
        self._values: list[float] = []
        self._over: list[bool] = []

    def add(self, value: float, over: bool) -> RateDecision | None:
        """Count the next request in the order in which they were due; `value` is its time, infinite for a failure.

        Of an error rate, which has no times, it is 0 or infinite.
        """
        if self.decision is not None:
            return self.decision
        self.n += 1
        self.k += bool(over)
        self._values.append(value)
        self._over.append(bool(over))
        if self.n == self.test.cap:
            self._decide_at_cap()
        elif not self._is_dependent:
            self._decide_early()
        return self.decision

    @property
    def method(self) -> str:
        """The rule that decided, for the report."""
        if self.judged is not None:
            return "Clopper-Pearson at the effective n of independent episodes"
        return "truncated e-process and one Clopper-Pearson look at the cap"

    def compute_bounds(self) -> tuple[float, float]:
        """The interval of the rate that decides: of the sequential test, or of the independent episodes."""
        if self.judged is not None:
            return self.judged.lower, self.judged.upper
        return compute_rate_interval(self.test, self.k, self.n)

    def estimate(self) -> float:
        """The estimate of the rate, which an early stop does not bias."""
        if self.judged is not None:
            return self.judged.estimate
        least = compute_least_n(self.test.loosened, self.test.cap)
        return estimate_rate(self.test, self.k, self.n, least, FEWEST_REQUESTS)

    def _decide_early(self) -> None:
        decision = self.test.decide(self.k, self.n)
        if decision == "pass" and self.n < compute_least_n(self.test.loosened, self.test.cap):
            return
        if decision == "fail" and self.n < FEWEST_REQUESTS and not self._is_all_over():
            return
        if decision is not None and not self._look_for_dependence():
            self.decision = decision

    def _decide_at_cap(self) -> None:
        decision = self.test.decide(self.k, self.n)
        if self._is_dependent or self._look_for_dependence():
            test = self.test
            limits = (test.budget, test.loosened, test.alpha_pass, test.alpha_fail)
            self.judged = judge_dependent_rate(*self._count_blocks(), *limits)
            decision = self.judged.decision
        self.decision = decision

    def _is_all_over(self) -> bool:
        return self.k == self.n >= FEWEST_ALL_OVER and self.test.budget <= self.test.alpha_fail

    def _look_for_dependence(self) -> bool:
        """Whether the requests so far depend on one another; too few to be cut into sixths do not show it."""
        if self.n >= FEWEST_ALL_OVER:
            self._is_dependent = measure_dependence(*self._count_blocks()).is_seen
        return self._is_dependent

    def _count_blocks(self) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
        over_quantiles = count_over_own_quantiles(self._values, self._limit, 1 - self.test.budget)
        return sum_into_blocks(np.ones(self.n)), sum_into_blocks(self._over), over_quantiles
