"""Decide whether a rate is within its budget, request by request, with both error rates bounded at every look.

Two e-processes follow the count k of exceedances in n requests (Ramdas et al. 2023, "Game-theoretic statistics and
safe anytime-valid inference"). One collects evidence against "the rate is at least `loosened`" and can PASS, the other
against "the rate is at most `budget`" and can FAIL. Each is the likelihood ratio against its bound, averaged over a
Beta(1/2, 1/2) prior that is restricted to the other side of the bound and renormalised there. By Ville's inequality it
reaches 2/alpha with probability at most alpha/2 while its hypothesis is true. The other half of alpha pays for one
Clopper-Pearson look at the cap.

Use it only for independent samples in random order, counted in the order in which they were to be sent: counted in the
order of completion, the fast ones would come first. Samples of a load are judged by `dependence.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from harness.stats.beta import binomial_cdf, binomial_sf, log_beta_integral

RateDecision = Literal["pass", "fail", "inconclusive"]

MIN_EXCEEDANCES = 3
"""Fewer exceedances never FAIL: a single slow first request alone gives E = 53 against a budget of 1 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateTest:
    """The plan of a sequential test, fixed and hashed before the first request.

    PASS refutes "the rate is at least `loosened`", FAIL refutes "the rate is at most `budget`". `loosened` is the
    budget with its tolerance (2x, or + 2 points); in a strict test both are equal. `cap` is the largest number of
    requests that are counted. Raises `ValueError` for a plan that is not valid.
    """

    budget: float
    loosened: float
    cap: int
    alpha_pass: float = 0.05
    alpha_fail: float = 0.05

    def __post_init__(self) -> None:
        validate_limits(self.budget, self.loosened, self.alpha_pass, self.alpha_fail)
        if self.cap < 1 or self.cap != int(self.cap):
            raise ValueError(f"the cap must be a whole number of requests, at least 1, not {self.cap!r}")

    def decide(self, k: int, n: int) -> RateDecision | None:
        """The decision after k exceedances in n requests; None: send more. FAIL takes precedence over PASS."""
        if not 0 <= k <= n <= self.cap:
            raise ValueError(f"{k} of {n} requests is not a valid count in a test with a cap of {self.cap}")
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
        if k < MIN_EXCEEDANCES:
            return False
        if log_e_fail(k, n, self.budget) >= math.log(2 / self.alpha_fail):
            return True
        return n == self.cap and binomial_sf(k, n, self.budget) <= self.alpha_fail / 2


def log_e_pass(k: int, n: int, loosened: float) -> float:
    """The logarithm of the e-value against "the rate is at least `loosened`" at k exceedances in n requests."""
    against = k * math.log(loosened) + (n - k) * math.log1p(-loosened)
    mixture = log_beta_integral(loosened, k + 0.5, n - k + 0.5)
    prior_mass = 2 * math.asin(math.sqrt(loosened))  # the unnormalised Beta(1/2, 1/2) density over (0, loosened)
    return mixture - math.log(prior_mass) - against


def log_e_fail(k: int, n: int, budget: float) -> float:
    """The logarithm of the e-value against "the rate is at most `budget`" at k exceedances in n requests."""
    return log_e_pass(n - k, n, 1 - budget)


def validate_limits(budget: float, loosened: float, alpha_pass: float, alpha_fail: float) -> None:
    """Raise `ValueError` unless 0 < budget <= loosened < 1 and both alphas lie in (0, 0.5]."""
    if not 0 < budget <= loosened < 1:
        raise ValueError(f"0 < budget <= loosened < 1 is needed, not budget {budget!r} and loosened {loosened!r}")
    for name, alpha in (("alpha_pass", alpha_pass), ("alpha_fail", alpha_fail)):
        if not 0 < alpha <= 0.5:
            raise ValueError(f"{name} {alpha!r} must lie in (0, 0.5]")
