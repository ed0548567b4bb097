"""How often the interval of a capacity search holds the true capacity, and how wide it is, on simulated queues.

`python -m benchmarks.capacity_errors [SEARCHES]`: so many searches in all (2,000 if not given), a fixed seed a queue.
Every load begins with an empty queue, its first tenth is not judged, and requests come as a Poisson process. The
capacity is known exactly for M/M/1 (the share of sojourns over L is exp(-(mu - rate) L)); for the others it is that of
one long simulation. The searches begin at rates between a twentieth of the capacity and three times it, and have as
much time as one of `LENGTHS` requests takes at the capacity. A load whose queue only grows ends early, as in a sweep.
"""

from __future__ import annotations

import heapq
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks._streams import Random, Values
from harness.stats.capacity import Capacity, CapacitySearch, OverloadTest, Probe, ProbeOutcome
from harness.stats.dependence import OWN_QUANTILES, TIME_BLOCKS, judge_dependent_rate
from harness.stats.intervals import clopper_pearson_lower
from harness.stats.knee import KneePoint
from harness.stats.saturation import measure_growth

LEAST_COVERAGE = 0.93
"""The lower 95 % bound of the coverage, of searches at 95 %."""
WARM_UP = 0.1
"""The share of a load that is not judged."""
LENGTHS = (10_000, 40_000, 160_000)
"""The lengths of the searches, in requests at the capacity."""
SEED = 14
LOOKS = 60
"""How often the queue of a load is looked at."""


@dataclass(frozen=True, slots=True)
class ServiceQueue:
    """A service: `serve` makes sojourn times in seconds from due times (of shape (n,)) to an empty queue.

    At the capacity a share `budget` of the sojourns is over `limit` seconds; `capacity` is None where no formula is,
    and then lies below `most` requests/s.
    """

    name: str
    serve: Callable[[Random, Values], Values]
    limit: float
    budget: float
    capacity: float | None = None
    most: float = 1.0


def serve_one(draw_services: Callable[[Random, int], Values]) -> Callable[[Random, Values], Values]:
    """First come, first served by one server, by Lindley's recursion."""

    def serve(random: Random, due: Values) -> Values:
        services = draw_services(random, len(due))
        walk = np.cumsum(services) - due  # how far the work is ahead of the clock
        return walk - np.minimum.accumulate(walk - services)

    return serve


def serve_many(servers: int, draw_services: Callable[[Random, int], Values]) -> Callable[[Random, Values], Values]:
    """First come, first served by several servers."""

    def serve(random: Random, due: Values) -> Values:
        services = draw_services(random, len(due)).tolist()
        free = [0.0] * servers
        ends = []
        for at, seconds in zip(due.tolist(), services, strict=True):
            end = max(at, free[0]) + seconds
            heapq.heapreplace(free, end)
            ends.append(end)
        return np.array(ends) - due

    return serve


def serve_in_batches(most: int, fixed: float, of_each: float) -> Callable[[Random, Values], Values]:
    """One server that takes all who wait, at most so many, at once; a batch takes `fixed` and `of_each` a request."""

    def serve(random: Random, due: Values) -> Values:
        times, ends, free, i = due.tolist(), [], 0.0, 0
        while i < len(times):
            begin, size = max(free, times[i]), 1
            while size < most and i + size < len(times) and times[i + size] <= begin:
                size += 1
            free = begin + fixed + of_each * size
            ends += [free] * size
            i += size
        return np.array(ends) - due

    return serve


def draw_arrivals(random: Random, rate: float, n: int) -> Values:
    """The due times of n Poisson arrivals."""
    arrivals: Values = np.cumsum(random.exponential(1, n)) / rate
    return arrivals


def find_capacity(queue: ServiceQueue, n: int = 1_000_000) -> float:
    """The capacity by its formula, or by one long simulation with the same random numbers at every rate."""
    if queue.capacity is not None:
        return queue.capacity
    low, high = 0.2 * queue.most, queue.most
    for _ in range(11):
        rate = (low + high) / 2
        random = np.random.default_rng(SEED)
        sojourns = queue.serve(random, draw_arrivals(random, rate, n))[n // 20 :]
        low, high = (rate, high) if (sojourns > queue.limit).mean() <= queue.budget else (low, rate)
    return (low + high) / 2


def search_capacity(random: Random, queue: ServiceQueue, first: float, seconds: float) -> tuple[Capacity, int]:
    """The interval of one search that begins at this rate, and its loads."""
    search, loads = CapacitySearch(first, seconds), 0
    while (probe := search.next_probe) is not None:
        test = OverloadTest(queue.budget, probe.alpha) if probe.aim == "fail" else None
        load, outcome, over = make_load(random, queue, probe, search, test)
        loads += 1
        while test is not None and outcome != "fail":
            test.add(over)
            if test.is_refuted:
                outcome = "fail"
            if not (test.is_worth_repeating and search.has_time_for(probe)):
                break
            load, _, over = make_load(random, queue, probe, search, test)
            loads += 1
        search.add(probe, outcome, is_over=load.share > queue.budget)
    return search.capacity, loads


def make_load(
    random: Random, queue: ServiceQueue, probe: Probe, search: CapacitySearch, test: OverloadTest | None
) -> tuple[KneePoint, ProbeOutcome, float]:
    """One load of a probe, noted and judged, and the share of what was planned that is over the limit.

    One that locates is not judged, nor one that ends early, as the search would end it.
    """
    alpha = test.first_alpha if test else probe.alpha
    due = draw_arrivals(random, probe.rate, max(60, round(probe.rate * probe.seconds)))
    sojourns = queue.serve(random, due)
    begin = WARM_UP * due[-1]
    planned = int((due >= begin).sum())
    share = test.refuting_share if test else queue.budget * (1 + 1e-9)
    end = find_early_end(due, sojourns, queue.limit, begin, share * planned)
    is_judged = (due >= begin) & (due + sojourns <= end)
    due, sojourns = due[is_judged], sojourns[is_judged]
    if end < math.inf:
        late = int((sojourns > queue.limit).sum())
        load = KneePoint(probe.rate, len(due), late / len(due), queue.budget)
        search.note(load, end)
        return load, "inconclusive", late / planned
    blocks = np.minimum((due - begin) / (due[-1] - begin) * TIME_BLOCKS, TIME_BLOCKS - 1).astype(int)
    thresholds = (queue.limit, *np.quantile(sojourns, OWN_QUANTILES, method="inverted_cdf"))
    over = [np.bincount(blocks, sojourns > threshold, TIME_BLOCKS) for threshold in thresholds]
    n, level = np.bincount(blocks, minlength=TIME_BLOCKS), alpha or 0.05
    decided = judge_dependent_rate(n, over[0], over[1:], queue.budget, queue.budget, level, level)
    load = KneePoint(probe.rate, len(due), decided.estimate, queue.budget, len(due) / decided.effective_n)
    search.note(load, probe.seconds)
    return load, decided.decision if alpha else "inconclusive", float(over[0].sum()) / planned


def find_early_end(due: Values, sojourns: Values, limit: float, begin: float, needed: float) -> float:
    """When a load ends whose queue only grows: once so many judged requests over the limit have ended; else never."""
    ends = due + sojourns
    late = np.sort(ends[(due >= begin) & (sojourns > limit)])
    if len(late) < needed or needed > len(due):
        return math.inf
    looks = np.linspace(0, due[-1], LOOKS)[1:]
    lengths = np.searchsorted(due, looks) - np.searchsorted(np.sort(ends), looks)
    for i in np.flatnonzero(looks >= late[max(0, math.ceil(needed) - 1)]):
        if measure_growth(list(zip(looks[: i + 1], lengths[: i + 1], strict=True))):
            return float(looks[i])
    return math.inf


def _draw_exponential(random: Random, n: int) -> Values:
    return random.exponential(1, n)


def _draw_constant(random: Random, n: int) -> Values:
    return np.ones(n)


def _draw_lognormal(random: Random, n: int) -> Values:
    """Mean 1, sigma 1: a coefficient of variation of 1.31, as of answers with very different lengths."""
    return random.lognormal(-0.5, 1.0, n)


def _make_mm1(load: float, budget: float) -> ServiceQueue:
    """The queue whose capacity is this share of its service rate."""
    limit = -math.log(budget) / (1 - load)
    return ServiceQueue(f"M/M/1 at {load:g}, budget {budget:g}", serve_one(_draw_exponential), limit, budget, load)


QUEUES = (
    _make_mm1(0.5, 0.05),
    _make_mm1(0.7, 0.05),
    _make_mm1(0.85, 0.05),
    _make_mm1(0.7, 0.01),
    ServiceQueue("M/D/1, limit 3, budget 0.05", serve_one(_draw_constant), 3.0, 0.05),
    ServiceQueue("M/M/4, limit 4, budget 0.05", serve_many(4, _draw_exponential), 4.0, 0.05, most=4),
    ServiceQueue("M/G/8, limit 8, budget 0.01", serve_many(8, _draw_lognormal), 8.0, 0.01, most=8),
    ServiceQueue("batches of 8, budget 0.05", serve_in_batches(8, 0.5, 0.1), 2.0, 0.05, most=8 / 1.3),
)
"""Queues with one or several servers, with constant or varying service times, and with batches. Their capacities under
the objective lie between half of the saturation rate and nearly all of it."""


def main(searches: int = 2000) -> int:
    """Print coverage, width and loads. Returns 1 where the bound of all searches misses `LEAST_COVERAGE`."""
    covered = total = 0
    print(f"{'queue':28} {'capacity':>8} {'requests':>8} {'coverage':>8} {'too high':>8} {'too low':>8} "
          f"{'open':>5} {'width':>6} {'to 3/4':>6} {'loads':>6}")  # fmt: skip
    count = searches // (len(QUEUES) * len(LENGTHS))
    for row, queue in enumerate(QUEUES):
        capacity = find_capacity(queue)
        for length in LENGTHS:
            random = np.random.default_rng([SEED, row, length])
            firsts = capacity * np.exp(random.uniform(math.log(0.05), math.log(3), count))
            results = [search_capacity(random, queue, first, length / capacity) for first in firsts.tolist()]
            intervals = [interval for interval, _ in results]
            too_high = sum(interval.low > capacity for interval in intervals)
            too_low = sum(interval.high <= capacity for interval in intervals)
            widths = [interval.high / interval.low if interval.low else math.inf for interval in intervals]
            covered, total = covered + count - too_high - too_low, total + count
            middle, most = (float(np.quantile(widths, q, method="inverted_cdf")) for q in (0.5, 0.75))
            print(f"{queue.name:28} {capacity:8.4f} {length:8} {1 - (too_high + too_low) / count:8.3f} {too_high:8} "
                  f"{too_low:8} {sum(map(math.isinf, widths)):5} {middle:6.3f} {most:6.3f} "
                  f"{sum(loads for _, loads in results) / count:6.1f}", flush=True)  # fmt: skip
    bound = clopper_pearson_lower(covered, total, 0.05)
    print(f"all: {covered} of {total} intervals hold the capacity, at least {bound:.4f} at 95 %")
    return int(bound < LEAST_COVERAGE)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:2])))
