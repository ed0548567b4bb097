"""Error rates and powers of the verdicts over objectives: exactly for the sequential test, simulated for streams.

`python -m benchmarks.boundary_errors [RUNS]`: RUNS simulated runs a row (400 if not given), one fixed seed a row.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from functools import cache

import numpy as np

from benchmarks._exact import Probabilities, find_boundaries, walk_boundaries
from benchmarks._streams import INDEPENDENT, STREAMS, Random, Stream, Values, draw_due_times, get_stream
from harness.core.objective import PROFILES
from harness.stats.dependence import FEWEST_REQUESTS, OWN_QUANTILES, TIME_BLOCKS, judge_dependent_rate
from harness.stats.guarded_test import FEWEST_ALL_OVER, GuardedRateTest, compute_least_n
from harness.stats.sequential import RateDecision, RateTest

MOST = 0.05
MOST_UNDECIDED = 0.02
FEWEST_DISTURBANCES = 3
"""A disturbance that is expected less often in a run has no promised error rate."""
HEALTHY = 0.3
"""The share over the limit of a healthy service, as a share of the budget."""
SEED = 12


@dataclass(frozen=True, slots=True)
class Shares:
    """The shares of the simulated runs that PASSed and FAILed."""

    passed: float
    failed: float


@dataclass(frozen=True, slots=True)
class LoadSize:
    """A load: its budget (twice of it is tolerated), the judged requests, and the seconds over which they arrive."""

    budget: float
    n: int
    seconds: float


LOAD_SIZES = (LoadSize(0.05, 270, 27), LoadSize(0.05, 1100, 55), LoadSize(0.01, 1100, 55), LoadSize(0.01, 10_000, 200))
"""The default `[load]` (10/s for 30 s), that of the README (20/s for 60 s) at p95 and p99, and 50/s for 200 s."""


def simulate_load(random: Random, stream: Stream, size: LoadSize, p: float, runs: int) -> Shares:
    """Judge so many loads with a true share p over the limit."""
    decisions: list[RateDecision] = []
    for _ in range(0, runs, 100):
        times = draw_due_times(random, min(100, runs - len(decisions)), size.n, size.seconds)
        values = stream.draw(random, p, times)
        blocks = np.minimum(times * (TIME_BLOCKS / size.seconds), TIME_BLOCKS - 1).astype(int)
        decisions += [_judge(*run, stream.find_limit(p), size) for run in zip(values, blocks, strict=True)]
    return _count(decisions)


def _judge(values: Values, blocks: np.ndarray, limit: float, size: LoadSize) -> RateDecision:
    thresholds = [limit, *np.quantile(values, OWN_QUANTILES, method="inverted_cdf")]
    over = [np.bincount(blocks, values > threshold, TIME_BLOCKS) for threshold in thresholds]
    n = np.bincount(blocks, minlength=TIME_BLOCKS)
    return judge_dependent_rate(n, over[0], over[1:], size.budget, 2 * size.budget).decision


def _count(decisions: list[RateDecision]) -> Shares:
    return Shares(decisions.count("pass") / len(decisions), decisions.count("fail") / len(decisions))


class TabulatedTest(RateTest):
    """A rate test that looks its decisions up, which a simulation asks for a million times."""

    def decide(self, k: int, n: int) -> RateDecision | None:
        """As `RateTest.decide`."""
        passing, failing = find_boundary_lists(RateTest(**{name: getattr(self, name) for name in _FIELDS}))
        if k >= failing[n]:
            return "fail"
        if k <= passing[n]:
            return "pass"
        return "inconclusive" if n == self.cap else None


_FIELDS = ("budget", "loosened", "cap", "alpha_pass", "alpha_fail")


@cache
def find_boundary_lists(test: RateTest) -> tuple[list[int], list[int]]:
    """The boundaries of `find_boundaries` as lists: reading single entries of an array is slower."""
    passing, failing = find_boundaries(test)
    return passing.tolist(), failing.tolist()


def simulate_smoke(random: Random, stream: Stream, test: RateTest, p: float, runs: int) -> tuple[Shares, float]:
    """Judge so many samples with a true share p over the limit by the guarded test; their mean length is the other."""
    decisions: list[RateDecision] = []
    requests = 0
    for _ in range(0, runs, 100):
        count = min(100, runs - len(decisions))
        values = stream.draw(random, p, np.broadcast_to(np.arange(test.cap, dtype=float), (count, test.cap)))
        for run in values:
            guarded = GuardedRateTest(test)
            for value, is_over in zip(run.tolist(), (run > stream.find_limit(p)).tolist(), strict=True):
                if guarded.add(value, is_over) is not None:
                    break
            decisions.append(guarded.decision or "inconclusive")
            requests += guarded.n
    return _count(decisions), requests / runs


def print_smoke_rates(runs: int) -> bool:
    """The guarded test on every stream in the order of requests. Returns whether a target was missed."""
    missed = False
    for profile in PROFILES.values():
        budget = 1 - profile.quantile
        test = TabulatedTest(budget=budget, loosened=budget * profile.tolerance, cap=profile.cap)
        print(f"\nsmoke, profile {profile.name}, at most {profile.cap} requests, {runs} runs:")
        print("stream                     false PASS  false FAIL  |  at 0.3 of the budget: PASS  FAIL  mean requests")
        for row, stream in enumerate(STREAMS):
            if stream.every is not None and not stream.in_requests:
                continue  # in the order of requests there are no seconds
            random = np.random.default_rng([SEED, row, profile.cap])
            tolerated, _ = simulate_smoke(random, stream, test, test.loosened, runs)
            limit, _ = simulate_smoke(random, stream, test, budget, runs)
            healthy, mean_n = simulate_smoke(random, stream, test, HEALTHY * budget, runs)
            rare = [_is_rare(stream, p, test.cap, 0) for p in (test.loosened, budget)]
            rare[0] |= stream.name == "linear drift"  # its share is under the limit when the test stops
            print(
                f"{stream.name:25}  {_show(tolerated.passed, rare[0])}  {_show(limit.failed, rare[1])}  |  "
                f"{healthy.passed:27.3f}  {healthy.failed:.3f}  {mean_n:13.0f}"
            )
            missed |= (_exceeds(tolerated.passed, runs) and not rare[0]) or (
                _exceeds(limit.failed, runs) and not rare[1]
            )
            missed |= stream is INDEPENDENT and healthy.passed < 0.9
    return missed


def compute_guarded_probabilities(test: RateTest, rate: float) -> Probabilities:
    """The guarded test on independent requests, by dynamic programming, as if its guard never saw a dependence."""
    passing, failing = (boundary.copy() for boundary in find_boundaries(test))
    sizes = np.arange(test.cap + 1)
    passing[: compute_least_n(test.loosened, test.cap)] = -1
    earliest = sizes[:FEWEST_REQUESTS]
    fails_at_all = (earliest >= FEWEST_ALL_OVER) & (test.budget <= test.alpha_fail)
    failing[:FEWEST_REQUESTS] = np.where(fails_at_all, np.maximum(failing[:FEWEST_REQUESTS], earliest), earliest + 1)
    return walk_boundaries(passing, failing, rate)


def print_exact_rates() -> bool:
    """The guarded test on independent requests. Returns whether a target was missed."""
    missed = False
    print("smoke, independent requests, exactly; budget is 1 - percentile, 2x is the tolerance of pr and release:")
    print("profile    true share   PASS    FAIL    INCONCLUSIVE  mean requests")
    for profile in PROFILES.values():
        budget = 1 - profile.quantile
        test = RateTest(budget=budget, loosened=budget * profile.tolerance, cap=profile.cap)
        for factor in (0.5, 1.0, 1.5, 2.0):
            probabilities = compute_guarded_probabilities(test, factor * budget)
            print(
                f"{profile.name:9}  {factor:g} x budget  {probabilities.passed:7.4f}  {probabilities.failed:6.4f}  "
                f"{probabilities.inconclusive:12.4f}  {probabilities.mean_n:13.0f}"
            )
            missed |= factor <= 1 and probabilities.failed > MOST
            missed |= factor >= profile.tolerance and probabilities.passed > MOST
            missed |= (
                factor == 0.5 and profile.name in ("pr", "release") and probabilities.inconclusive >= MOST_UNDECIDED
            )
    return missed


def print_load_rates(runs: int) -> bool:
    """The rule for loads on every stream and size. Returns whether a target was missed."""
    missed = False
    for size in LOAD_SIZES:
        print(f"\nload, budget {size.budget:.0%}, tolerance 2x, {size.n} requests in {size.seconds:g} s, {runs} runs:")
        print("stream                     false PASS  false FAIL  |  at 0.3 of the budget: PASS  FAIL")
        for row, stream in enumerate(STREAMS):
            random = np.random.default_rng([SEED, row])
            tolerated = simulate_load(random, stream, size, 2 * size.budget, runs)
            budget = simulate_load(random, stream, size, size.budget, runs)
            healthy = simulate_load(random, stream, size, HEALTHY * size.budget, runs)
            rare = [_is_rare(stream, p, size.n, size.seconds) for p in (2 * size.budget, size.budget)]
            print(
                f"{stream.name:25}  {_show(tolerated.passed, rare[0])}  {_show(budget.failed, rare[1])}  |  "
                f"{healthy.passed:27.3f}  {healthy.failed:.3f}"
            )
            missed |= _exceeds(tolerated.passed, runs) and not rare[0]
            missed |= _exceeds(budget.failed, runs) and not rare[1]
            missed |= stream is INDEPENDENT and healthy.passed < 0.9
            missed |= stream is get_stream("AR 0.8") and size.n >= 10_000 and healthy.passed < 0.8
    return missed


def _is_rare(stream: Stream, p: float, n: int, seconds: float) -> bool:
    return stream.count_disturbances(p, n, seconds) < FEWEST_DISTURBANCES


def _show(share: float, is_rare: bool) -> str:
    """An error rate; in brackets where the disturbance is too rare for a promise."""
    return f"{f'({share:.3f})' if is_rare else f'{share:.3f} ':>10}"


def _exceeds(share: float, runs: int) -> bool:
    """Whether the simulation refutes, at three standard errors, that the rate is at most 5 %."""
    return share > MOST + 3 * math.sqrt(MOST * (1 - MOST) / runs)


def main(runs: int = 400) -> int:
    """Print all tables; 1 if a target was missed."""
    missed = print_exact_rates()
    missed |= print_smoke_rates(max(1, runs // 4))
    missed |= print_load_rates(runs)
    print(f"\nin brackets: expected less than {FEWEST_DISTURBANCES} times in a run, without a target")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main(*(int(argument) for argument in sys.argv[1:])))
