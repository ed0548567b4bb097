"""Whether one share exceeds another by more than a margin, from pairs or from two samples: non-inferiority.

The statistics are score tests: Tango (1998, Statistics in Medicine 17:891) for pairs, Farrington and Manning (1990,
Statistics in Medicine 9:1447) for two samples. Their normal approximation errs where counts are small (up to .09 at
alpha .05), so their tails are added up over all outcomes, with the shares that no hypothesis fixes at their maximum
likelihood under it (Lloyd 2008, Australian and New Zealand Journal of Statistics 50:329). The number of pairs is fixed
beforehand: nothing stops early. `benchmarks/comparison_errors.py` computes the error rates and the power.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.stats.dependence import Dependence, count_over_own_quantiles, measure_dependence, sum_into_blocks
from harness.stats.sequential import MIN_EXCEEDANCES, RateDecision

_Floats = NDArray[np.float64]

_SPREAD = 7
"""Outcomes further from their mean than this many standard deviations have no weight."""

_MOST_OUTCOMES = 250_000
"""Outcomes of pairs whose weights are added up; with more, thousands of pairs differ, and the score is normal."""

_TIE = 1e-9
"""Scores that differ by less are the same outcome's, differently rounded."""

_STEPS = 30
"""Halvings of an interval of differences."""

_MOST_NEEDED = 10_000_000
"""Larger samples are not worth advising."""


@dataclass(frozen=True, slots=True)
class PairCounts:
    """n pairs of 0/1 outcomes: `worse` are 1 on the candidate's side alone, `better` on the baseline's alone."""

    n: int
    worse: int
    better: int

    def __post_init__(self) -> None:
        if min(self.n - 1, self.worse, self.better, self.n - self.worse - self.better) < 0:
            raise ValueError(f"{self} is not a valid count: worse + better <= n, n >= 1 is needed")

    @property
    def estimate(self) -> float:
        """The difference of the two shares."""
        return (self.worse - self.better) / self.n

    def shrink(self, effect: tuple[float, ...], *, for_candidate: bool) -> PairCounts:
        """As few pairs as independent ones would be as telling, rounded in favour of the candidate or against it."""
        n = _divide(self.n, effect[0])
        worse, better = self.worse * n / self.n, self.better * n / self.n
        worse, better = (int(worse), math.ceil(better)) if for_candidate else (math.ceil(worse), int(better))
        return PairCounts(max(n, worse + better), worse, better)

    def compute_variance(self, difference: float) -> float:
        """Of one pair's difference, if its mean is `difference`."""
        share = self._restrict(difference)
        return 2 * share + difference * (1 - difference)

    def compute_tails(self, difference: float) -> tuple[float, float]:
        """P(a score at most as large as the observed one), and at least, if the true difference is `difference`."""
        share = self._restrict(difference)
        shares = share + difference, share
        observed = score_pairs(self.worse, self.better, self.n, difference)
        worse, better = list_likely_counts(self.n, shares[0])[:, None], list_likely_counts(self.n, share)[None, :]
        if worse.size * better.size > _MOST_OUTCOMES:
            return NormalDist().cdf(float(observed)), NormalDist().cdf(-float(observed))
        both = np.maximum(self.n - worse - better, 0)
        log_weights = _log_factorials(self.n)[self.n] - sum(_log_factorials(self.n)[k] for k in (worse, better, both))
        log_weights += _log_power(worse, shares[0]) + _log_power(better, share) + _log_power(both, 1 - sum(shares))
        weights = np.where(worse + better <= self.n, np.exp(log_weights), 0.0)
        return _sum_tails(observed, score_pairs(worse, better, self.n, difference), weights)

    def _restrict(self, difference: float) -> float:
        share = float(restrict_pairs(self.worse, self.better, self.n, difference))
        return min(max(share, 0.0, -difference), (1 - difference) / 2)


@dataclass(frozen=True, slots=True)
class SampleCounts:
    """Two independent samples: `over` of n on the candidate's side, `baseline_over` of `baseline_n` on the other."""

    n: int
    over: int
    baseline_n: int
    baseline_over: int

    def __post_init__(self) -> None:
        if min(self.n, self.baseline_n) < 1 or not (
            0 <= self.over <= self.n and 0 <= self.baseline_over <= self.baseline_n
        ):
            raise ValueError(f"{self} is not a valid count: 0 <= over <= n, n >= 1 is needed")

    @property
    def worse(self) -> int:
        """What speaks against the candidate."""
        return self.over

    @property
    def estimate(self) -> float:
        """The difference of the two shares."""
        return self.over / self.n - self.baseline_over / self.baseline_n

    def shrink(self, effect: tuple[float, ...], *, for_candidate: bool) -> SampleCounts:
        """As few requests as independent ones would be as telling, rounded for the candidate or against it."""
        n, baseline_n = _divide(self.n, effect[0]), max(1, int(self.baseline_n / effect[1]))
        over, baseline_over = self.over * n / self.n, self.baseline_over * baseline_n / self.baseline_n
        if for_candidate:
            return SampleCounts(n, int(over), baseline_n, math.ceil(baseline_over))
        return SampleCounts(n, math.ceil(over), baseline_n, int(baseline_over))

    def compute_variance(self, difference: float) -> float:
        """Of the difference of one request each, if its mean is `difference`."""
        share = self._restrict(difference)
        return (share + difference) * (1 - share - difference) + share * (1 - share)

    def compute_tails(self, difference: float) -> tuple[float, float]:
        """P(a score at most as large as the observed one), and at least, if the true difference is `difference`."""
        share = self._restrict(difference)
        over = list_likely_counts(self.n, share + difference)[:, None]
        baseline_over = list_likely_counts(self.baseline_n, share)[None, :]
        log_weights = _log_binomial(over, self.n, share + difference)
        weights = np.exp(log_weights + _log_binomial(baseline_over, self.baseline_n, share))
        observed = score_samples(self.over, self.n, self.baseline_over, self.baseline_n, difference)
        scores = score_samples(over, self.n, baseline_over, self.baseline_n, difference)
        return _sum_tails(observed, scores, weights)

    def _restrict(self, difference: float) -> float:
        return float(restrict_samples(self.over, self.n, self.baseline_over, self.baseline_n, difference))


@dataclass(frozen=True, slots=True)
class DifferenceDecision:
    """The decision about a difference: FAIL where `lower` is over the margin, else PASS where `upper` is under it.

    `lower` is one-sided at alpha_fail, `upper` at alpha_pass. `n_needed` is the size of a fresh sample that would
    decide with probability .8; None where this one does, or no size does.
    """

    decision: RateDecision
    estimate: float
    lower: float
    upper: float
    n_needed: int | None


def judge_difference(
    counts: PairCounts | SampleCounts,
    margin: float,
    alpha_pass: float = 0.05,
    alpha_fail: float = 0.05,
    effect: tuple[float, ...] = (1.0, 1.0),
) -> DifferenceDecision:
    """Judge whether the candidate's share exceeds the baseline's by at most `margin`.

    PASS refutes "by at least the margin", FAIL "by at most the margin". `effect` is how many dependent pairs are as
    telling as one independent pair (of two samples: for each). Raises `ValueError`.
    """
    decision = decide_difference(counts, margin, alpha_pass, alpha_fail, effect)
    strict, lenient = counts.shrink(effect, for_candidate=False), counts.shrink(effect, for_candidate=True)

    def is_smaller(difference: float) -> bool:
        return strict.compute_tails(difference)[0] <= alpha_pass

    def is_larger(difference: float) -> bool:
        return lenient.compute_tails(difference)[1] <= alpha_fail

    inside, outside = max(strict.estimate, margin), 1.0
    if decision == "pass":
        inside, outside = strict.estimate, margin
    upper = _find_edge(is_smaller, inside, outside)
    inside, outside = min(lenient.estimate, margin), -1.0
    if decision == "fail":
        inside, outside = lenient.estimate, margin
    lower = _find_edge(is_larger, inside, outside)
    needed = None
    if decision == "inconclusive":
        needed = _compute_n_needed(counts, margin, min(alpha_pass, alpha_fail), max(effect))
    return DifferenceDecision(decision, counts.estimate, lower, upper, needed)


def decide_difference(
    counts: PairCounts | SampleCounts,
    margin: float,
    alpha_pass: float = 0.05,
    alpha_fail: float = 0.05,
    effect: tuple[float, ...] = (1.0, 1.0),
) -> RateDecision:
    """The decision of `judge_difference` alone. Raises `ValueError`."""
    if not 0 < margin < 1 or not 0 < min(alpha_pass, alpha_fail) <= max(alpha_pass, alpha_fail) <= 0.5:
        raise ValueError(f"margin {margin!r} must lie in (0, 1), alphas {alpha_pass!r} and {alpha_fail!r} in (0, .5]")
    lenient = counts.shrink(effect, for_candidate=True)
    if lenient.worse >= MIN_EXCEEDANCES and lenient.compute_tails(margin)[1] <= alpha_fail:
        return "fail"
    if counts.shrink(effect, for_candidate=False).compute_tails(margin)[0] <= alpha_pass:
        return "pass"
    return "inconclusive"


def _divide(n: int, effect: float) -> int:
    return max(1, int(n / effect + 1e-9))


def _find_edge(is_refuted: Callable[[float], bool], inside: float, outside: float) -> float:
    """The difference between `inside` (not refuted) and `outside` (refuted) at which it begins to be refuted."""
    for _ in range(_STEPS):
        middle = (inside + outside) / 2
        if is_refuted(middle):
            outside = middle
        else:
            inside = middle
    return outside


def _compute_n_needed(counts: PairCounts | SampleCounts, margin: float, alpha: float, effect: float) -> int | None:
    """The size at which the margin is refuted with probability .8, if the difference is the estimate."""
    distance = abs(counts.estimate - margin)
    quantiles = NormalDist().inv_cdf(1 - alpha) + NormalDist().inv_cdf(0.8)
    needed = quantiles**2 * counts.compute_variance(margin) * effect
    if needed > _MOST_NEEDED * distance**2:
        return None
    return int(max(needed / distance**2, counts.n)) + 1


def measure_pair_dependence(
    values: ArrayLike, baseline_values: ArrayLike, limit: float, quantile: float
) -> Dependence | None:
    """How pairs depend on one another: at the limit, by the discordant ones, and by how far both sides differ.

    Both have the shape (pairs,), in the order in which they were due, infinite for a failure; what disturbs both sides
    alike is no dependence of the pairs. `quantile` is the one that is judged. None: too few to be cut into sixths.
    """
    ours, theirs = np.asarray(values, dtype=float), np.asarray(baseline_values, dtype=float)
    if len(ours) < 12:
        return None
    with np.errstate(invalid="ignore"):
        distances = np.where(ours == theirs, 0.0, np.abs(ours - theirs))
    own = count_over_own_quantiles(distances, limit, quantile)
    discordant = (ours > limit) != (theirs > limit)
    return measure_dependence(sum_into_blocks(np.ones(len(ours))), sum_into_blocks(discordant), own)


def score_pairs(worse: ArrayLike, better: ArrayLike, n: int, difference: float) -> _Floats:
    """Tango's score for "the true difference is `difference`": about standard normal there, larger for a worse one."""
    b, c = np.asarray(worse, dtype=float), np.asarray(better, dtype=float)
    variance = n * (2 * restrict_pairs(b, c, n, difference) + difference * (1 - difference))
    return _standardise(b - c - n * difference, variance)


def restrict_pairs(worse: ArrayLike, better: ArrayLike, n: int, difference: float) -> _Floats:
    """The maximum likelihood estimate of P(better), if P(worse) is larger by `difference`."""
    b, c = np.asarray(worse, dtype=float), np.asarray(better, dtype=float)
    linear = -b - c + (2 * n - b + c) * difference
    constant = -c * difference * (1 - difference)
    return np.asarray((np.sqrt(np.maximum(0.0, linear * linear - 8 * n * constant)) - linear) / (4 * n))


def score_samples(over: ArrayLike, n: int, baseline_over: ArrayLike, baseline_n: int, difference: float) -> _Floats:
    """Farrington and Manning's score for "the true difference is `difference`", in the sense of `score_pairs`."""
    share = restrict_samples(over, n, baseline_over, baseline_n, difference)
    candidate = share + difference
    variance = np.maximum(candidate * (1 - candidate), 0.0) / n + share * (1 - share) / baseline_n
    distance = np.asarray(over, dtype=float) / n - np.asarray(baseline_over, dtype=float) / baseline_n - difference
    return _standardise(distance, variance)


def restrict_samples(over: ArrayLike, n: int, baseline_over: ArrayLike, baseline_n: int, difference: float) -> _Floats:
    """The maximum likelihood estimate of the baseline's share, if the candidate's is larger by `difference`.

    The root of a cubic equation, in the closed form of Farrington and Manning.
    """
    ours, theirs = np.asarray(over, dtype=float) / n, np.asarray(baseline_over, dtype=float) / baseline_n
    weight = baseline_n / n
    a = 1 + weight
    b = -(1 + weight + ours + weight * theirs + difference * (weight + 2))
    c = difference * difference + difference * (2 * ours + weight + 1) + ours + weight * theirs
    d = -ours * difference * (1 + difference)
    v = b**3 / (27 * a**3) - b * c / (6 * a * a) + d / (2 * a)
    u = np.where(v >= 0, 1.0, -1.0) * np.sqrt(np.maximum(b * b / (9 * a * a) - c / (3 * a), 0.0))
    angle = (math.pi + np.arccos(np.clip(v / np.where(u == 0, 1.0, u) ** 3, -1, 1))) / 3
    share = 2 * u * np.cos(angle) - b / (3 * a) - difference
    return np.asarray(np.clip(share, max(0.0, -difference), min(1.0, 1 - difference)))


def _standardise(distance: _Floats, variance: _Floats) -> _Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = distance / np.sqrt(np.maximum(variance, 0.0))
    return np.where(np.isnan(scores), 0.0, scores)


def _sum_tails(observed: _Floats, scores: _Floats, weights: _Floats) -> tuple[float, float]:
    low, high = weights[scores <= observed + _TIE].sum(), weights[scores >= observed - _TIE].sum()
    return float(low), float(high)


def list_likely_counts(n: int, share: float) -> NDArray[np.int64]:
    """The counts out of n, shape (counts,), that a share makes likely: all but some 1e-10 of the probability."""
    mean, spread = n * share, _SPREAD * math.sqrt(n * max(share * (1 - share), 0.0))
    return np.arange(max(0, int(mean - spread - 5)), min(n, int(mean + spread + 15)) + 1)


def _log_binomial(k: NDArray[np.int64], n: int, share: float) -> _Floats:
    factorials = _log_factorials(n)
    ways = factorials[n] - factorials[k] - factorials[n - k]
    return np.asarray(ways + _log_power(k, share) + _log_power(n - k, 1 - share))


def _log_power(k: NDArray[np.int64], share: float) -> _Floats:
    """Of share^k, where 0^0 is 1."""
    if share > 0:
        return np.asarray(k * math.log(share), dtype=float)
    return np.asarray(np.where(k == 0, 0.0, -np.inf), dtype=float)


@lru_cache(maxsize=8)
def _log_factorials(n: int) -> _Floats:
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])
