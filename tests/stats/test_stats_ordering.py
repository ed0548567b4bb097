from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.stats.ordering import IntendedOrder, in_intended_order
from harness.stats.sequential import RateTest, Sequential, boundaries


def first_decision(stream: np.ndarray[tuple[int], np.dtype[np.bool_]], test: RateTest) -> str | None:
    passing, failing = boundaries(test)
    counts = np.concatenate([[0], stream[: test.cap].cumsum()])
    size = len(counts)
    ends = np.flatnonzero((counts <= passing[:size]) | (counts >= failing[:size]))
    if not len(ends):
        return None
    return "fail" if counts[ends[0]] >= failing[ends[0]] else "pass"


def test_deciding_in_order_of_completion_passes_a_bad_service() -> None:
    """Trap 1: limit 2 s, 200 requests/s, true 5 % over. By completion: false PASS .985; in intended order: .000."""
    rng = np.random.default_rng(1)
    test = RateTest(budget=0.01, loosened=0.02, cap=1600)
    by_completion = by_intent = 0
    for _ in range(150):
        intended = np.arange(2000) / 200
        slow = rng.random(2000) < 0.05
        latency = np.where(slow, 2 + rng.exponential(1, 2000), rng.uniform(0.02, 0.2, 2000))
        completed = np.argsort(intended + latency)
        by_completion += first_decision(slow[completed], test) == "pass"
        by_intent += first_decision(in_intended_order(intended, latency, 2.0), test) == "pass"
    assert by_completion / 150 > 0.95
    assert by_intent == 0


def test_a_request_counts_when_it_ends_or_is_older_than_the_limit() -> None:
    order = IntendedOrder(limit=2.0)
    first, second, third = (order.start(t) for t in (0.0, 0.1, 0.2))
    order.finish(second, over=False)
    assert order.ready(1.0) == []  # the first is still open, and may be over
    assert order.ready(2.0) == []  # as old as the limit is not older
    assert order.ready(2.01) == [True, False]
    order.finish(first, over=False)  # too late to change anything
    order.finish(third, over=True)
    assert order.ready(2.05) == [True]
    assert order.ready(9.0) == []


def test_a_late_reading_does_not_make_a_quick_request_slow() -> None:
    order = IntendedOrder(limit=2.0)
    order.finish(order.start(0.0), over=False)
    assert order.ready(100.0) == [False]


def test_misuse_is_refused() -> None:
    order = IntendedOrder(limit=2.0)
    ticket = order.start(1.0)
    with pytest.raises(ValueError, match="started after"):
        order.start(0.5)
    with pytest.raises(ValueError, match="started after"):
        order.start(float("nan"))
    order.finish(ticket, over=False)
    with pytest.raises(KeyError):
        order.finish(ticket, over=True)
    with pytest.raises(ValueError, match="limit"):
        IntendedOrder(0)
    with pytest.raises(ValueError, match="NaN"):
        in_intended_order(np.array([0.0]), np.array([np.nan]), 1.0)


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(1, 40) | st.just(10**6)), max_size=30),
    st.integers(0, 120),
)
@settings(deadline=None, max_examples=150)
def test_the_log_and_the_live_form_agree(requests: list[tuple[int, int]], now: int) -> None:
    """Whole tenths of a second, with half of one added to `now` so that no two moments coincide."""
    requests = sorted(requests)
    moment, limit = now / 10 + 0.05, 2.0
    order = IntendedOrder(limit)
    for begun, took in requests:
        ticket = None if begun / 10 > moment else order.start(begun / 10)
        if ticket is not None and (begun + took) / 10 <= moment:
            order.finish(ticket, over=took / 10 > limit)
    intended = np.array([begun / 10 for begun, _ in requests])
    latency = np.array([took / 10 for _, took in requests])
    assert order.ready(moment) == in_intended_order(intended, latency, limit, moment).tolist()


def test_a_running_log_gives_a_prefix_that_only_grows() -> None:
    rng = np.random.default_rng(3)
    intended = np.sort(rng.uniform(0, 5, 300))
    latency = rng.exponential(0.8, 300)
    whole = in_intended_order(intended, latency, 1.0).tolist()
    previous = 0
    for now in np.linspace(0, 8, 33):
        part = in_intended_order(intended, latency, 1.0, float(now)).tolist()
        assert part == whole[: len(part)]
        assert len(part) >= previous
        previous = len(part)
    assert previous == 300


def test_decisions_in_order_feed_the_sequential_test() -> None:
    state = Sequential(RateTest(budget=0.05, loosened=0.1, cap=500))
    order = IntendedOrder(limit=1.0)
    for i in range(60):
        order.finish(order.start(i / 10), over=False)
        for over in order.ready(i / 10 + 0.01):
            state.add(over)
    assert (state.decision, state.n) == ("pass", 44)
