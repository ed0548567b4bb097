"""Decide whether a rate keeps its budget, request by request, with both error rates held at every look.

Two e-processes watch the count k of exceedances in n requests (Ramdas et al. 2023, "Game-theoretic statistics and
safe anytime-valid inference"): one gathers evidence against "the rate is at least `loosened`" and can PASS, one against
"the rate is at most `budget`" and can FAIL. Each is the likelihood ratio against its bound, averaged over a
Beta(1/2, 1/2) prior restricted to the other side of the bound and renormalised there; by Ville's inequality it reaches
2/alpha with probability at most alpha/2 while its hypothesis holds. The other half of alpha pays for one
Clopper-Pearson look at the cap.

Only for independent items in random order, counted in intended order (`ordering.py`); streams of load are decided by
`dependence.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.stats.beta import binomial_cdf, binomial_sf, log_beta_integral

Decision = Literal["pass", "fail", "inconclusive"]
IntArray = NDArray[np.int64]

FLOOR = 3
"""No FAIL under this many exceedances: one slow first request alone is E = 53 against a budget of 1 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateTest:
    """The plan of a sequential test, to be hashed before the first request.

    PASS refutes "the rate is at least `loosened`", FAIL refutes "the rate is at most `budget`"; `loosened` is the
    budget with its tolerance (2x, or + 2 points) and equals it for a strict test. `cap` is the most requests that
    count. Raises `ValueError` for what cannot be a test.
    """

    budget: float
    loosened: float
    cap: int
    alpha_pass: float = 0.05
    alpha_fail: float = 0.05

    def __post_init__(self) -> None:
        check_limits(self.budget, self.loosened, self.alpha_pass, self.alpha_fail)
        if self.cap < 1 or self.cap != int(self.cap):
            raise ValueError(f"the cap must be a whole number of requests, at least 1, and not {self.cap!r}")

    def decision(self, k: int, n: int) -> Decision | None:
        """What a look at k exceedances in n requests decides; None: go on. FAIL prevails."""
        if not 0 <= k <= n <= self.cap:
            raise ValueError(f"{k} of {n} requests is no look of a test with a cap of {self.cap}")
        if self._fails(k, n):
            return "fail"
        if self._passes(k, n):
            return "pass"
        return "inconclusive" if n == self.cap else None

    def _passes(self, k: int, n: int) -> bool:
        if n and log_e_pass(k, n, self.loosened) >= math.log(2 / self.alpha_pass):
            return True
        return n == self.cap and binomial_cdf(k, n, self.loosened) <= self.alpha_pass / 2

    def _fails(self, k: int, n: int) -> bool:
        if k < FLOOR:
            return False
        if log_e_fail(k, n, self.budget) >= math.log(2 / self.alpha_fail):
            return True
        return n == self.cap and binomial_sf(k, n, self.budget) <= self.alpha_fail / 2


class Sequential:
    """A running `RateTest`: counts n requests and k exceedances until `decision` is no longer None.

    The decision is final: what arrives after it is not counted.
    """

    def __init__(self, test: RateTest) -> None:
        self.test = test
        self.n = 0
        self.k = 0
        self.decision: Decision | None = None

    def add(self, over: bool) -> Decision | None:
        """Count the next request in intended order. Some tens of microseconds."""
        if self.decision is None:
            self.n += 1
            self.k += bool(over)
            self.decision = self.test.decision(self.k, self.n)
        return self.decision

    def update(self, k: int, n: int) -> Decision | None:
        """Count n more requests with k exceedances among them, and look once.

        Looking less often is always allowed. Raises `ValueError` beyond the cap: a test is never extended.
        """
        if not 0 <= k <= n:
            raise ValueError(f"{k} of {n} is no count of exceedances")
        if self.decision is None:
            if self.n + n > self.test.cap:
                raise ValueError(f"{self.n + n} requests exceed the cap of {self.test.cap}: a test is never extended")
            self.n += n
            self.k += k
            self.decision = self.test.decision(self.k, self.n)
        return self.decision


def log_e_pass(k: int, n: int, loosened: float) -> float:
    """The logarithm of the e-value against "the rate is at least `loosened`" at k exceedances in n requests."""
    against = k * math.log(loosened) + (n - k) * math.log1p(-loosened)
    mixture = log_beta_integral(loosened, k + 0.5, n - k + 0.5)
    return mixture - _log_prior_mass(loosened) - against


def log_e_fail(k: int, n: int, budget: float) -> float:
    """The logarithm of the e-value against "the rate is at most `budget`" at k exceedances in n requests."""
    return log_e_pass(n - k, n, 1 - budget)


def fixed_rate_test(
    k: int, n: int, budget: float, loosened: float, alpha_pass: float = 0.05, alpha_fail: float = 0.05
) -> Decision:
    """The decision of a fixed-n run: one Clopper-Pearson look at the whole of alpha per side; the floor holds here too.

    n must have been planned before the run; a fixed-n result is never extended, pooled or peeked at. Raises
    `ValueError`.
    """
    check_limits(budget, loosened, alpha_pass, alpha_fail)
    if not 0 <= k <= n:
        raise ValueError(f"{k} of {n} is no count of exceedances")
    if k >= FLOOR and binomial_sf(k, n, budget) <= alpha_fail:
        return "fail"
    return "pass" if n and binomial_cdf(k, n, loosened) <= alpha_pass else "inconclusive"


@lru_cache(maxsize=64)
def boundaries(test: RateTest) -> tuple[IntArray, IntArray]:
    """For each n from 0 to the cap, the largest k that passes (-1: none) and the smallest that fails (n + 1: none).

    Both of shape (cap + 1,). About 0.1 ms per request of the cap, once; treat the arrays as read-only.
    """
    passing = np.full(test.cap + 1, -1, dtype=np.int64)
    failing = np.arange(1, test.cap + 2, dtype=np.int64)
    most, least = -1, FLOOR
    for n in range(1, test.cap + 1):
        # Both boundaries only rise, but for the look at the cap, which can only widen them.
        while most < n and test.decision(most + 1, n) == "pass":
            most += 1
        while least <= n and test.decision(least, n) != "fail":
            least += 1
        if n == test.cap:
            while least > FLOOR and test.decision(least - 1, n) == "fail":
                least -= 1
        passing[n], failing[n] = min(most, least - 1), least
    passing.flags.writeable = failing.flags.writeable = False
    return passing, failing


def check_limits(budget: float, loosened: float, alpha_pass: float, alpha_fail: float) -> None:
    """Raise `ValueError` unless 0 < budget <= loosened < 1 and both alphas lie in (0, 0.5]."""
    if not 0 < budget <= loosened < 1:
        raise ValueError(f"0 < budget <= loosened < 1 is needed, not budget {budget!r} and loosened {loosened!r}")
    for name, alpha in (("alpha_pass", alpha_pass), ("alpha_fail", alpha_fail)):
        if not 0 < alpha <= 0.5:
            raise ValueError(f"{name} {alpha!r} must lie in (0, 0.5]")


def _log_prior_mass(bound: float) -> float:
    """The logarithm of the integral of the unnormalised Beta(1/2, 1/2) density over (0, bound)."""
    return math.log(2 * math.asin(math.sqrt(bound)))
