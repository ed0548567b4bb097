"""The search for a capacity: what it asks, what its interval holds, and what undecided probes cost."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from benchmarks.capacity_errors import QUEUES, draw_arrivals, find_capacity, search_capacity
from harness.stats.capacity import WIDTH, CapacitySearch, OverloadTest, Probe, ProbeOutcome
from harness.stats.knee import KneePoint


def make_load(rate: float, share: float, n: int = 10_000) -> KneePoint:
    """A load with this share over a limit whose budget is .05."""
    return KneePoint(rate, n, share, 0.05)


def run_search(search: CapacitySearch, capacity: float, unclear: float = 1.0) -> list[Probe]:
    """The probes where rates within a factor of the capacity are undecided, and the others decided rightly."""
    probes = []
    while (probe := search.next_probe) is not None:
        probes.append(probe)
        outcome: ProbeOutcome = "inconclusive"
        if probe.rate <= capacity / unclear:
            outcome = "pass"
        elif probe.rate > capacity * unclear:
            outcome = "fail"
        share = min(1.0, 0.05 * (probe.rate / capacity) ** 10) if capacity else 1.0
        search.note(make_load(probe.rate, share, max(60, int(probe.rate * probe.seconds))), probe.seconds)
        search.add(probe, outcome, is_over=probe.rate > capacity)
    return probes


@pytest.mark.parametrize("capacity", [0.4, 3, 9.99, 10, 57, 300])
def test_search_brackets_the_capacity_within_its_time(capacity: float) -> None:
    search = CapacitySearch(10, 1e6 / capacity)
    probes = run_search(search, capacity)
    assert search.capacity.low <= capacity < search.capacity.high
    assert search.capacity.high / search.capacity.low <= WIDTH
    assert (probes[0].rate, probes[0].aim) == (10, "locate")
    assert sum(probe.seconds for probe in probes) <= 1e6 / capacity * (1 + 1e-9)


@pytest.mark.parametrize("unclear", [1.05, 1.3, 2.5])
@pytest.mark.parametrize("capacity", [4, 11, 90])
def test_undecided_probes_widen_and_never_narrow(capacity: float, unclear: float) -> None:
    search = CapacitySearch(10, 3000)
    run_search(search, capacity, unclear)
    assert search.capacity.low <= capacity / unclear
    assert search.capacity.high > capacity * unclear


def test_ends_where_every_probe_has_one_outcome() -> None:
    passing, failing, undecided = CapacitySearch(8, 900, highest=100), CapacitySearch(8, 900), CapacitySearch(8, 900)
    assert [probe.rate for probe in run_search(passing, 1e9) if probe.aim == "locate"] == [8, 16, 32, 64, 100]
    assert (passing.capacity.low, passing.capacity.high) == (100, math.inf)
    assert all(probe.aim != "pass" for probe in run_search(failing, 0))
    assert failing.capacity.low == 0
    run_search(undecided, 8, math.inf)
    assert (undecided.capacity.low, undecided.capacity.high) == (0, math.inf)


def test_asks_for_no_rate_that_cannot_be_sent() -> None:
    search = CapacitySearch(10, 900)
    for outcome in (False, False):
        probe = search.next_probe
        assert probe
        search.note(make_load(probe.rate, 0.001), probe.seconds)
        search.add(probe, "inconclusive", is_over=outcome)
    search.forbid_above(30)
    later = run_search(search, 1000)
    assert later
    assert max(probe.rate for probe in later) <= 30
    assert search.capacity.high == math.inf


def test_tries_the_target_itself_where_it_is_near() -> None:
    search = CapacitySearch(10, 100_000, target=10)
    probes = run_search(search, 10.2)
    assert 10 in [probe.rate for probe in probes if probe.aim == "pass"]


@pytest.mark.parametrize(
    "options",
    [{"first": 0}, {"first": math.inf}, {"first": math.nan}, {"first": 10, "highest": 5},
     {"first": 1, "seconds": 0}, {"first": 1, "alpha": 0}, {"first": 1, "alpha": 0.6}],
)  # fmt: skip
def test_refuses_impossible_searches(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"must be over 0|are needed"):
        CapacitySearch(**{"seconds": 60, **options})


@pytest.mark.parametrize("unclear", [1.0, 1.2, math.inf])
def test_rows_move_one_way_and_share_one_error(unclear: float) -> None:
    """A row that ended is not taken up again, so that the alphas of the rows add up to that of the search."""
    probes = run_search(CapacitySearch(10, 100_000), 25, unclear)
    spent = 0.0
    for aim, sign in (("pass", 1), ("fail", -1)):
        rows = [list(row) for _, row in itertools.groupby((p for p in probes if p.aim == aim), lambda p: p.alpha)]
        spent += sum(row[0].alpha for row in rows)
        for row in rows:
            rates = [sign * probe.rate for probe in row]
            assert rates == sorted(rates)
            assert all(aim == ("pass" if p.rate <= 25 / unclear else "fail" if p.rate > 25 * unclear else "")
                       for p in row[:-1])  # fmt: skip
        assert len({row[0].alpha for row in rows}) == len(rows)
    assert 0 < spent <= 0.05 + 1e-12


def test_overload_is_refuted_by_repeats_alone() -> None:
    test = OverloadTest(0.05, 0.02)
    test.add(1.0)
    assert not test.is_refuted
    assert test.is_worth_repeating
    test.add(1.0)
    assert test.is_refuted
    healthy = OverloadTest(0.05, 0.02)
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


@pytest.mark.parametrize("number", [0, 4, 7])
def test_simulated_queues_have_the_capacity_that_is_said(number: int) -> None:
    queue = QUEUES[number]
    random, capacity = np.random.default_rng(3), queue.capacity or find_capacity(queue, 100_000)
    sojourns = queue.serve(random, draw_arrivals(random, capacity, 400_000))[5000:]
    assert (sojourns > queue.limit).mean() == pytest.approx(queue.budget, rel=0.06)


def test_few_searches_cover_the_capacity() -> None:
    queue, random = QUEUES[4], np.random.default_rng(5)
    capacity = find_capacity(queue, 100_000)
    intervals = [search_capacity(random, queue, capacity / 3, 40_000 / capacity)[0] for _ in range(12)]
    assert all(interval.low <= capacity * 1.01 and capacity * 0.99 < interval.high for interval in intervals)
    assert sorted(interval.high / interval.low for interval in intervals if interval.low)[5] < 1.6
