"""The interval and the estimate that belong to a sequential test: what the test itself refutes, without stopping bias.

An exact interval for a fixed n is not the one that decides, and the share at an early stop is too extreme in the mean:
a run stops early because it looks extreme.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from harness.stats.intervals import clopper_pearson_lower, clopper_pearson_upper
from harness.stats.sequential import MIN_EXCEEDANCES, RateTest, log_e_fail, log_e_pass

_STEPS = 60
"""Halvings of an interval of rates: more than a float resolves."""


def compute_rate_interval(test: RateTest, k: int, n: int) -> tuple[float, float]:
    """The rates that the test does not refute after k exceedances in n requests: a confidence sequence.

    `lower` is the largest budget that FAILs at `alpha_fail`, `upper` the smallest loosened budget that PASSes at
    `alpha_pass`, both by the e-processes (Howard et al. 2021) and, at the cap, by Clopper-Pearson.
    """
    lower, upper = 0.0, 1.0
    if n and k < n:
        upper = _find_bound(lambda rate: log_e_pass(k, n, rate) >= math.log(2 / test.alpha_pass), k / n, 1.0)
    if k >= MIN_EXCEEDANCES:
        lower = _find_bound(lambda rate: log_e_fail(k, n, rate) >= math.log(2 / test.alpha_fail), k / n, 0.0)
    if n == test.cap:
        upper = min(upper, clopper_pearson_upper(k, n, test.alpha_pass / 2))
        if k >= MIN_EXCEEDANCES:
            lower = max(lower, clopper_pearson_lower(k, n, test.alpha_fail / 2))
    return lower, upper


def _find_bound(is_refuted: Callable[[float], bool], inside: float, outside: float) -> float:
    """The rate between `inside` (not refuted) and `outside` (refuted) at which it begins to be refuted."""
    for _ in range(_STEPS):
        middle = (inside + outside) / 2
        if not 0 < middle < 1:
            break
        if is_refuted(middle):
            outside = middle
        else:
            inside = middle
    return outside


def estimate_rate(test: RateTest, k: int, n: int, least_to_pass: int, least_to_fail: int) -> float:
    """The unbiased estimate of the rate by a test that stopped after k exceedances in n independent requests.

    It is the share of the ways to this end that begin with an exceedance (Girshick, Mosteller and Savage 1946): the
    first request is an unbiased estimate, and this is its mean given the end. `least_to_pass` and `least_to_fail` are
    the fewest requests after which the test may stop.
    """
    if n < min(least_to_pass, least_to_fail) or k in (0, n):
        return k / n
    rate = k / n
    ways = np.zeros(
        (2, n + 2)
    )  # of all ways, and of those that begin with an exceedance, to each number of exceedances
    ways[0, 0] = 1.0
    most, least = -1, MIN_EXCEEDANCES
    for size in range(1, n + 1):
        moved = ways * (1 - rate)
        moved[:, 1:] += ways[:, :-1] * rate
        if size == 1:
            moved[1, 1] = moved[0, 1]
        ways = moved
        if size == n:
            break
        while most < size and _passes(test, most + 1, size):
            most += 1
        while least <= size and not _fails(test, least, size):
            least += 1
        if size >= least_to_pass:
            ways[:, : most + 1] = 0.0
        if size >= least_to_fail:
            ways[:, least:] = 0.0
    return float(ways[1, k] / ways[0, k]) if ways[0, k] > 0 else rate


def _passes(test: RateTest, k: int, n: int) -> bool:
    return log_e_pass(k, n, test.loosened) >= math.log(2 / test.alpha_pass)


def _fails(test: RateTest, k: int, n: int) -> bool:
    return log_e_fail(k, n, test.budget) >= math.log(2 / test.alpha_fail)
