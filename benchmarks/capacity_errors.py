"""How often the interval of a capacity search holds the true capacity, simulated on queues of known capacity.

`python -m benchmarks.capacity_errors [SEARCHES]`: so many searches in all (2,000 if not given), a fixed seed a queue.
Every probe begins with an empty queue, its first tenth is not judged, and requests come as a Poisson process. The
capacity is known exactly for M/M/1 (the share of sojourns over L is exp(-(mu - rate) L)); for the others it is that of
a simulation with a thousand times the requests of a probe. The searches begin at rates between a twentieth of the
capacity and three times it.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks._streams import Random, Values
from harness.stats.capacity import Capacity, CapacitySearch, OverloadTest, ProbeOutcome, compute_probe_length
from harness.stats.dependence import OWN_QUANTILES, judge_dependent_rate, sum_into_blocks
from harness.stats.intervals import clopper_pearson_lower

LEAST_COVERAGE = 0.93
"""The lower 95 % bound of the coverage, of searches at 95 %."""
WARM_UP = 0.1
"""The share of a probe that is not judged."""
LENGTHS = 4
"""The length of a probe, in multiples of what independent requests would need."""
SEED = 14


@dataclass(frozen=True, slots=True)
class ServiceQueue:
    """First come, first served by `servers`; `draw_services` draws service times (mean 1 s) of a shape.

    At the capacity a share `budget` of the sojourns is over `limit` seconds; `capacity` is None where no formula is.
    """

    name: str
    servers: int
    draw_services: Callable[[Random, tuple[int, int]], Values]
    limit: float
    budget: float
    capacity: float | None = None


def simulate_sojourns(random: Random, queue: ServiceQueue, rates: Values, n: int) -> Values:
    """Sojourn times in seconds of n Poisson arrivals to an empty queue for each rate, shape (rates, n)."""
    gaps = random.exponential(1, (len(rates), n)) / rates[:, None]
    services = queue.draw_services(random, gaps.shape)
    waits = np.empty_like(gaps)
    if queue.servers == 1:  # Lindley's recursion
        walk = np.cumsum(services - gaps, axis=1) - services + gaps[:, :1]
        return walk - np.minimum.accumulate(walk, axis=1) + services
    busy = np.zeros((len(rates), queue.servers))  # how long each server is busy from now on, shortest first
    for i in range(n):
        np.maximum(busy - gaps[:, i, None], 0.0, out=busy)
        waits[:, i] = busy[:, 0]
        busy[:, 0] += services[:, i]
        busy.sort(axis=1)
    return waits + services


def find_capacity(queue: ServiceQueue) -> float:
    """The capacity by its formula, or by a long simulation with the same random numbers at every rate."""
    if queue.capacity is not None:
        return queue.capacity
    low, high = 0.2 * queue.servers, 1.0 * queue.servers
    for _ in range(12):
        rate = (low + high) / 2
        sojourns = simulate_sojourns(np.random.default_rng(SEED), queue, np.full(2000, rate), 3000)[:, 1000:]
        low, high = (rate, high) if (sojourns > queue.limit).mean() <= queue.budget else (low, rate)
    return (low + high) / 2


def search_capacities(random: Random, queue: ServiceQueue, firsts: Values) -> tuple[list[Capacity], float]:
    """The intervals of one search from each first rate, and the loads in the mean; all make one probe at a time."""
    searches = [CapacitySearch(first) for first in firsts.tolist()]
    loads = 0
    n = LENGTHS * compute_probe_length(queue.budget, searches[0].probe_alpha)
    while pending := [search for search in searches if search.next_rate is not None]:
        rates = np.array([search.next_rate for search in pending], dtype=float)
        tests = [OverloadTest(queue.budget, search.probe_alpha) for search in pending]
        outcomes: list[ProbeOutcome] = ["inconclusive"] * len(pending)
        todo = np.arange(len(pending))
        is_first = True
        while len(todo):
            sojourns = simulate_sojourns(random, queue, rates[todo], n)[:, int(WARM_UP * n) :]
            for i, values in zip(todo.tolist(), sojourns, strict=True):
                tests[i].add(float((values > queue.limit).mean()))
                if is_first:
                    outcomes[i] = _judge(values, queue, pending[i].probe_alpha, tests[i].first_alpha)
                if tests[i].is_refuted:
                    outcomes[i] = "fail"
            loads += len(todo)
            todo = np.array([i for i in todo if outcomes[i] == "inconclusive" and tests[i].is_worth_repeating], int)
            is_first = False
        for search, rate, outcome in zip(pending, rates.tolist(), outcomes, strict=True):
            search.add(rate, outcome)
    return [search.capacity for search in searches], loads / len(searches)


def _judge(values: Values, queue: ServiceQueue, alpha_pass: float, alpha_fail: float) -> ProbeOutcome:
    thresholds = (queue.limit, *np.quantile(values, OWN_QUANTILES, method="inverted_cdf"))
    over = [sum_into_blocks(values > threshold) for threshold in thresholds]
    n, budget = sum_into_blocks(np.ones(len(values))), queue.budget
    return judge_dependent_rate(n, over[0], over[1:], budget, budget, alpha_pass, alpha_fail).decision


def _draw_exponential(random: Random, shape: tuple[int, int]) -> Values:
    return random.exponential(1, shape)


def _draw_constant(random: Random, shape: tuple[int, int]) -> Values:
    return np.ones(shape)


def _draw_lognormal(random: Random, shape: tuple[int, int]) -> Values:
    """Mean 1, sigma 1: a coefficient of variation of 1.31, as of answers with very different lengths."""
    return random.lognormal(-0.5, 1.0, shape)


def _make_mm1(load: float, budget: float) -> ServiceQueue:
    """The queue whose capacity is this share of its service rate."""
    return ServiceQueue(
        f"M/M/1 at {load:g}, budget {budget:g}", 1, _draw_exponential, -math.log(budget) / (1 - load), budget, load
    )


QUEUES = (
    _make_mm1(0.5, 0.05),
    _make_mm1(0.7, 0.05),
    _make_mm1(0.85, 0.05),
    _make_mm1(0.7, 0.01),
    ServiceQueue("M/D/1, limit 3, budget 0.05", 1, _draw_constant, 3.0, 0.05),
    ServiceQueue("M/D/4, limit 1.5, budget 0.05", 4, _draw_constant, 1.5, 0.05),
    ServiceQueue("M/G/4, limit 5, budget 0.05", 4, _draw_lognormal, 5.0, 0.05),
    ServiceQueue("M/G/8, limit 8, budget 0.01", 8, _draw_lognormal, 8.0, 0.01),
)
"""Queues with one server and several, services of one length and of many, capacities from half of what can be served
up to nearly all."""


def main(searches: int = 2000) -> int:
    """Print coverage, width and loads. Returns 1 where the bound of all searches misses `LEAST_COVERAGE`."""
    each, covered = searches // len(QUEUES), 0
    print(f"{'queue':32} {'capacity':>8} {'coverage':>8} {'too high':>8} {'too low':>8} {'width':>6} {'loads':>6}")
    for row, queue in enumerate(QUEUES):
        random, capacity = np.random.default_rng([SEED, row]), find_capacity(queue)
        firsts = capacity * np.exp(random.uniform(math.log(0.05), math.log(3), each))
        intervals, loads = search_capacities(random, queue, firsts)
        too_high = sum(interval.low > capacity for interval in intervals)
        too_low = sum(interval.high <= capacity for interval in intervals)
        widths = [interval.high / interval.low for interval in intervals if interval.low > 0]
        covered += each - too_high - too_low
        print(f"{queue.name:32} {capacity:8.4f} {1 - (too_high + too_low) / each:8.3f} {too_high:8} {too_low:8} "
              f"{np.median(widths):6.3f} {loads:6.1f}", flush=True)  # fmt: skip
    total = each * len(QUEUES)
    bound = clopper_pearson_lower(covered, total, 0.05)
    print(f"all: {covered} of {total} intervals hold the capacity, at least {bound:.4f} at 95 %")
    return int(bound < LEAST_COVERAGE)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:2])))
