"""Decide a rate from requests that may depend on one another: load, soak, chaos, and smoke where they do.

Slow requests come in episodes (a full queue, a pause, a lost replica), and an episode of twenty slow requests says as
much as one. The counts of 60 time blocks are added up in windows of several lengths. The ratio of their variance to
that of independent requests (the index of dispersion) is the size of an episode: the design effect. It is measured at
the limit and, for a PASS, at the run's own p75 and p90, where a dependence shows long before anything is over the
limit. A FAIL rests on what is over the limit: a queue that grows from the first request to the last is one episode at
every quantile of its own, and yet over the limit all the time. A ratio that independent requests exceed with
probability .002 at most counts as 1, so that they lose nothing. What is left are n / effect independent requests for
Clopper-Pearson, with the effect multiplied by (t/z)^2 for as many degrees of freedom as there are episodes less one.
Under two episodes nothing PASSes. Under three only a share over budget / alpha FAILs, which Markov's inequality allows
whatever the dependence.

A PASS holds for the measured window only: of a disturbance that is expected three times in it, 5 % of the runs see
none (e^-3), and no data can show that. `benchmarks/boundary_errors.py` simulates the error rates.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.stats.beta import beta_quantile
from harness.stats.intervals import clopper_pearson_lower, clopper_pearson_upper
from harness.stats.planning import compute_n_needed
from harness.stats.sequential import RateDecision, validate_limits

TIME_BLOCKS = 60
"""Time blocks in which the requests of a run are counted."""

WINDOWS = (60, 30, 20, 15, 10, 6)
"""Into how many windows the blocks are added up: from one block each to ten."""

OWN_QUANTILES = (0.75, 0.9)
"""The run's own quantiles at which dependence is measured, beside the limit."""

FAR_BELOW = 5
"""Where the percentile that is judged stays under the limit by this factor, dependence is measured at the limit alone:
answers of 20 or 40 ms that take turns say nothing of a limit of 2 s."""

NOISE_LEVEL = 0.002
"""A ratio of variances that independent requests exceed with at most this probability is taken as 1."""

MIN_EPISODES = 3
"""Fewer independent episodes over the limit (or requests, if they are independent) never FAIL; fewer than two of any
threshold PASS nothing."""

FEWEST_REQUESTS = 40
"""Fewer requests do not show how they depend on one another."""


@dataclass(frozen=True, slots=True)
class Dependence:
    """How requests depend on one another: the largest design effect, which is the size of an episode in requests (1:
    independent), and how many episodes were seen where it is.

    `fewest_episodes` are those of the threshold with the fewest, infinite for independent requests; `pairs` holds
    each effect above 1 with the episodes that it rests on.
    """

    effect: float
    episodes: float
    fewest_episodes: float
    pairs: tuple[tuple[float, float], ...]

    @property
    def is_seen(self) -> bool:
        """Whether the test for dependence rules out that the requests are independent."""
        return self.effect > 1

    def inflate(self, alpha: float) -> float:
        """By how much n is divided at this alpha: the effects, each with the cost of estimating it."""
        factors = (effect * compute_student_factor(episodes, alpha) for effect, episodes in self.pairs)
        return max(1.0, *factors, 1.0)


@dataclass(frozen=True, slots=True)
class DependentDecision:
    """The decision of a run with dependent samples; `lower` is one-sided at alpha_fail, `upper` at alpha_pass.

    They decide: FAIL where `lower` is over the budget, else PASS where `upper` is under the loosened one.
    `effective_n` is the number of independent requests that would be as telling, at alpha_pass.
    """

    decision: RateDecision
    estimate: float
    lower: float
    upper: float
    effective_n: float
    dependence: Dependence


def judge_dependent_rate(
    n: ArrayLike,
    over_limit: ArrayLike,
    over_quantiles: ArrayLike,
    budget: float,
    loosened: float,
    alpha_pass: float = 0.05,
    alpha_fail: float = 0.05,
) -> DependentDecision:
    """Judge the share over the limit of a run with a fixed length, from the counts of its 60 time blocks.

    `n` and `over_limit` have the shape (60,): the requests of each block, and those over the limit; `over_quantiles`
    has the shape (thresholds, 60): those over each of `OWN_QUANTILES` of the whole sample. Raises `ValueError`.
    """
    validate_limits(budget, loosened, alpha_pass, alpha_fail)
    dependence, at_limit = measure_dependence(n, over_limit, over_quantiles), measure_dependence(n, over_limit, ())
    total, over = float(np.sum(n)), float(np.sum(over_limit))
    divisor_pass, divisor_fail = dependence.inflate(alpha_pass), at_limit.inflate(alpha_fail)
    lower, upper = alpha_fail * over / total, 1.0  # Markov's inequality holds whatever the dependence
    if dependence.fewest_episodes >= MIN_EPISODES - 1:
        upper = clopper_pearson_upper(over / divisor_pass, total / divisor_pass, alpha_pass)
    if over / at_limit.effect >= MIN_EPISODES:
        lower = max(lower, clopper_pearson_lower(over / divisor_fail, total / divisor_fail, alpha_fail))
    decision: RateDecision = "inconclusive"
    if lower > budget:
        decision = "fail"
    elif upper < loosened:
        decision = "pass"
    return DependentDecision(decision, over / total, lower, upper, total / divisor_pass, dependence)


def measure_dependence(n: ArrayLike, over_limit: ArrayLike, over_quantiles: ArrayLike) -> Dependence:
    """The design effects of a run, from the counts of its 60 time blocks, in the shapes of `judge_dependent_rate`.

    Raises `ValueError`.
    """
    sizes = np.asarray(n, dtype=float)
    counts = np.vstack([np.asarray(over_limit, dtype=float), np.reshape(over_quantiles, (-1, TIME_BLOCKS))])
    if sizes.shape != (TIME_BLOCKS,) or not sizes.reshape(min(WINDOWS), -1).sum(axis=1).all():
        raise ValueError(f"{TIME_BLOCKS} time blocks with requests in every sixth of the run are needed")
    if not ((counts >= 0) & (counts <= sizes)).all():
        raise ValueError(f"exceedances must be counts within their {TIME_BLOCKS} blocks")
    over = counts.sum(axis=1)
    effect, episodes, fewest, pairs = 1.0, float(over[0]), float("inf"), []
    for windows in WINDOWS:
        for ratio, k in zip(_compute_variance_ratios(sizes, counts, windows).tolist(), over.tolist(), strict=True):
            if ratio <= _find_noise_limit(windows):
                continue
            seen = min(windows, k / ratio)
            pairs.append((ratio, seen))
            fewest = min(fewest, seen)
            if ratio > effect:
                effect, episodes = ratio, seen
    return Dependence(effect, episodes, fewest, tuple(pairs))


def count_over_own_quantiles(values: ArrayLike, limit: float, quantile: float) -> list[NDArray[np.int64]]:
    """The blocks of those over each of `OWN_QUANTILES`, of values in order; none where they stay far below the limit.

    `quantile` is the one that is judged. Values below 0 are no times, and are never far below.
    """
    ordered = np.asarray(values, dtype=float)
    judged = float(np.quantile(ordered, quantile, method="inverted_cdf"))
    if ordered.min() >= 0 and judged * FAR_BELOW < limit:
        return []
    own = np.quantile(ordered, OWN_QUANTILES, method="inverted_cdf")
    return [sum_into_blocks(ordered > value) for value in own]


def compute_length_needed(
    over: float, total: float, dependence: Dependence, limits: tuple[float, float], alphas: tuple[float, float]
) -> int | None:
    """The length of a fresh run in requests that would decide what a run with `over` of `total` did not.

    It decides with probability .8 if episodes stay as long and as frequent; None where no length does. `limits` are
    the budget and the loosened one, `alphas` those of PASS and FAIL.
    """
    needed = total
    for _ in range(3):  # a longer run has more episodes, which are then better known
        growth = max(1.0, needed / total)
        pairs = tuple((effect, episodes * growth) for effect, episodes in dependence.pairs)
        share = replace(dependence, pairs=pairs).inflate(min(alphas))
        independent = compute_n_needed(over / share, total / share, *limits, *alphas, sequential=False)
        if independent is None:
            return None
        needed = independent * share
    if dependence.fewest_episodes < MIN_EPISODES:
        needed = max(needed, total * MIN_EPISODES / dependence.fewest_episodes)
    return int(max(needed, total)) + 1


def sum_into_blocks(counts: ArrayLike) -> NDArray[np.int64]:
    """Add up counts in order, shape (length,), into 60 blocks of nearly equal length; those of a short run are empty.

    Raises `ValueError` for no counts.
    """
    ordered = np.asarray(counts, dtype=np.int64)
    if ordered.ndim != 1 or not len(ordered):
        raise ValueError("at least one count is needed")
    blocks = np.arange(len(ordered)) * TIME_BLOCKS // len(ordered)
    return np.bincount(blocks, weights=ordered, minlength=TIME_BLOCKS).astype(np.int64)


def compute_student_factor(episodes: float, alpha: float) -> float:
    """(t/z)^2 at alpha: the cost of an estimated variance.

    It has `episodes` - 1 degrees of freedom, rounded down to a tenth, at least 1 and at most 100.
    """
    return _square_student_over_normal(round(min(max(1.0, int(10 * (episodes - 1)) / 10), 100.0), 1), alpha)


@lru_cache(maxsize=4096)
def _square_student_over_normal(freedom: float, alpha: float) -> float:
    if alpha >= 0.5:
        return 1.0
    x = beta_quantile(1 - 2 * alpha, 0.5, freedom / 2)
    z = NormalDist().inv_cdf(1 - alpha)
    return freedom * x / (1 - x) / (z * z)


@lru_cache(maxsize=len(WINDOWS))
def _find_noise_limit(windows: int) -> float:
    """The quantile of chi-square over its degrees of freedom at `NOISE_LEVEL`, after Wilson and Hilferty (1931)."""
    spread = 2 / (9 * (windows - 1))
    return float((1 - spread + NormalDist().inv_cdf(1 - NOISE_LEVEL) * spread**0.5) ** 3)


def _compute_variance_ratios(
    sizes: NDArray[np.float64], counts: NDArray[np.float64], windows: int
) -> NDArray[np.float64]:
    """For each row: the variance of its counts, divided by that of independent requests; 1 if all or none are over."""
    n = sizes.reshape(windows, -1).sum(axis=1)
    over = counts.reshape(len(counts), windows, -1).sum(axis=2)
    rates = over.sum(axis=1, keepdims=True) / n.sum()
    variances = n * rates * (1 - rates)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(variances > 0, (over - n * rates) ** 2 / variances, 0.0)
    ratios = terms.sum(axis=1) / ((n > 0).sum() - 1)
    return np.where((rates > 0) & (rates < 1), ratios[:, None], 1.0)[:, 0]
