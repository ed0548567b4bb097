"""The search for a capacity: what it asks, what its interval holds, and what undecided probes cost."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.capacity_errors import QUEUES, find_capacity, search_capacities, simulate_sojourns
from harness.stats.capacity import WIDTH, CapacitySearch, OverloadTest, ProbeOutcome, compute_probe_length
from harness.stats.intervals import clopper_pearson_upper


def run_search(search: CapacitySearch, capacity: float, unclear: float = 1.0) -> list[float]:
    """The rates asked where rates within a factor of the capacity are undecided, and the others decided rightly."""
    rates = []
    while (rate := search.next_rate) is not None:
        rates.append(rate)
        outcome: ProbeOutcome = "inconclusive"
        if rate <= capacity / unclear:
            outcome = "pass"
        elif rate > capacity * unclear:
            outcome = "fail"
        search.add(rate, outcome)
    return rates


@pytest.mark.parametrize("capacity", [0.4, 3, 9.99, 10, 57, 300])
def test_search_brackets_the_capacity(capacity: float) -> None:
    search = CapacitySearch(10)
    rates = run_search(search, capacity)
    assert search.capacity.low <= capacity < search.capacity.high
    assert search.capacity.high / search.capacity.low <= WIDTH * 1.0001
    assert rates[0] == 10
    assert len(rates) <= search.probes


@pytest.mark.parametrize("unclear", [1.05, 1.3, 2.5])
@pytest.mark.parametrize("capacity", [4, 11, 90])
def test_undecided_probes_widen_and_never_narrow(capacity: float, unclear: float) -> None:
    search = CapacitySearch(10, probes=40)
    run_search(search, capacity, unclear)
    # What cannot be decided lies inside, and what can be is used up to the width that is asked.
    assert capacity / unclear / WIDTH <= search.capacity.low <= capacity / unclear
    assert capacity * unclear < search.capacity.high <= capacity * unclear * WIDTH


def test_ends_where_every_probe_has_one_outcome() -> None:
    passing, failing, open_ = CapacitySearch(8, highest=100), CapacitySearch(8, probes=4), CapacitySearch(8, probes=6)
    assert run_search(passing, math.inf) == [8, 16, 32, 64, 100]
    assert (passing.capacity.low, passing.capacity.high) == (100, math.inf)
    assert run_search(failing, 0) == [8, 4, 2, 1]
    assert (failing.capacity.low, failing.capacity.high) == (0, 1)
    assert len(run_search(open_, 8, math.inf)) == 6
    assert (open_.capacity.low, open_.capacity.high) == (0, math.inf)


def test_asks_for_no_rate_that_cannot_be_sent() -> None:
    search = CapacitySearch(10)
    search.add(10, "pass")
    search.add(20, "inconclusive")
    search.forbid_above(20)
    later = run_search(search, 1000)
    assert later
    assert max(later) < 20
    assert search.capacity.high == math.inf


@pytest.mark.parametrize("rate", [5, 4, 20, 25])
def test_refuses_outcomes_outside_of_the_interval(rate: float) -> None:
    search = CapacitySearch(5)
    search.add(5, "pass")
    search.add(20, "fail")
    with pytest.raises(ValueError, match="is not between 5 and 20"):
        search.add(rate, "pass")


@pytest.mark.parametrize(
    "options",
    [{"first": 0}, {"first": math.inf}, {"first": math.nan}, {"first": 10, "highest": 5}, {"first": 1, "probes": 0},
     {"first": 1, "alpha": 0}, {"first": 1, "alpha": 0.6}],
)  # fmt: skip
def test_refuses_impossible_searches(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"must be over 0|at least 1 probe"):
        CapacitySearch(**options)  # type: ignore[arg-type]


def test_one_error_for_the_whole_search() -> None:
    search = CapacitySearch(10, probes=10, alpha=0.05)
    assert search.probe_alpha * search.probes == pytest.approx(0.05)
    assert search.capacity.confidence == 0.95


def test_overload_is_refuted_by_repeats_alone() -> None:
    test = OverloadTest(0.05, 0.05 / 12)
    test.add(1.0)
    assert not test.is_refuted
    assert test.is_worth_repeating
    test.add(1.0)
    assert test.is_refuted
    healthy = OverloadTest(0.05, 0.05 / 12)
    healthy.add(0.0)
    assert not healthy.is_worth_repeating
    healthy.add(1.0)
    healthy.add(1.0)
    assert not healthy.is_refuted


def test_overload_test_keeps_its_error_for_the_worst_shares() -> None:
    """A load is over the limit throughout with the probability of the budget: then Markov's bound is exact."""
    random, budget, alpha, refuted = np.random.default_rng(7), 0.2, 0.05, 0
    for _ in range(20_000):
        test = OverloadTest(budget, alpha)
        test.add(float(random.random() < budget))
        while test.is_worth_repeating:
            test.add(float(random.random() < budget))
        refuted += test.is_refuted
    assert 0 < refuted / 20_000 <= alpha


@pytest.mark.parametrize("budget", [0.1, 0.05, 0.01])
def test_length_of_a_probe_lets_a_healthy_service_pass(budget: float) -> None:
    n = compute_probe_length(budget, 0.004)
    assert clopper_pearson_upper(budget * n / 3, n, 0.004) < budget
    assert clopper_pearson_upper(budget * n * 0.9 / 3, n * 0.9, 0.004) >= budget


@pytest.mark.parametrize("number", [0, 5])
def test_simulated_queues_have_the_capacity_that_is_said(number: int) -> None:
    queue = QUEUES[number]
    rates = np.full(400, queue.capacity or 2.2285)
    sojourns = simulate_sojourns(np.random.default_rng(3), queue, rates, 2000)[:, 500:]
    assert (sojourns > queue.limit).mean() == pytest.approx(queue.budget, rel=0.05)


def test_few_searches_cover_the_capacity() -> None:
    queue = QUEUES[1]
    random, capacity = np.random.default_rng(5), find_capacity(queue)
    intervals, _ = search_capacities(random, queue, np.full(20, capacity / 3))
    assert all(interval.low <= capacity < interval.high for interval in intervals)
    assert sum(interval.low > 0 and interval.high < math.inf for interval in intervals) >= 15
