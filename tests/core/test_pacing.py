"""The schedule of an open loop: exact in number, absolute, the same for one seed."""

from __future__ import annotations

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.core.errors import UsageError
from harness.core.pacing import ARRIVALS, Pacer

rates = st.floats(0.5, 500)
durations = st.floats(2.1, 10)
kinds = st.sampled_from(ARRIVALS)


@given(rates, durations, kinds, st.integers(0, 2**32))
def test_exactly_so_many_arrivals_in_order_within_the_duration(
    rate: float, duration: float, kind: str, seed: int
) -> None:
    pacer = Pacer(rate, duration, kind, seed)
    times = [pacer.get_arrival_time(k) for k in range(pacer.count)]
    assert abs(pacer.count - rate * duration) < 1 + 1e-6
    assert times == sorted(times)
    assert times[0] >= 0
    assert times[-1] < duration


@given(rates, durations)
def test_constant_arrivals_never_drift(rate: float, duration: float) -> None:
    pacer = Pacer(rate, duration)
    assert all(pacer.get_arrival_time(k) == k / rate for k in range(pacer.count))


@given(kinds, st.integers(0, 99), st.lists(st.integers(0, 99), max_size=20))
def test_the_schedule_does_not_depend_on_what_was_asked_before(kind: str, k: int, before: list[int]) -> None:
    pacer, fresh = Pacer(20, 5, kind, 7), Pacer(20, 5, kind, 7)
    for item in before:
        pacer.get_arrival_time(item)
    assert pacer.get_arrival_time(k) == fresh.get_arrival_time(k)


def test_poisson_gaps_are_exponential_and_another_seed_is_another_schedule() -> None:
    pacer, other = Pacer(100, 50, "poisson", 1), Pacer(100, 50, "poisson", 2)
    gaps = [pacer.get_arrival_time(k + 1) - pacer.get_arrival_time(k) for k in range(pacer.count - 1)]
    assert stats.kstest(gaps, "expon", args=(0, 0.01)).pvalue > 0.001
    assert other.get_arrival_time(0) != pacer.get_arrival_time(0)


@pytest.mark.parametrize(
    ("rate", "duration", "kind"),
    [(0, 1, "constant"), (1, 0, "constant"), (float("inf"), 1, "constant"), (0.1, 1, "constant"), (1, 2, "gama")],
)
def test_what_is_no_load_is_refused(rate: float, duration: float, kind: str) -> None:
    with pytest.raises(UsageError):
        Pacer(rate, duration, kind)


@pytest.mark.parametrize("k", [-1, 10])
def test_an_arrival_outside_the_schedule_is_an_error(k: int) -> None:
    with pytest.raises(IndexError):
        Pacer(10, 1).get_arrival_time(k)


@given(kinds, st.integers(0, 2**32), st.floats(0.1, 4))
def test_the_number_after_the_warm_up_is_known_beforehand(kind: str, seed: int, warm_up: float) -> None:
    pacer = Pacer(20, 5, kind, seed, warm_up)
    assert pacer.count == 100
    before = sum(pacer.get_arrival_time(k) < warm_up for k in range(pacer.count))
    assert abs(before - 20 * warm_up) < 1 + 1e-6


def find_hit_shares(arrivals: str) -> list[float]:
    """The share of arrivals that meet a pause of 50 ms in every second, at 10/s, for pauses of twenty phases."""
    pacer = Pacer(10, 300, arrivals, 5)
    times = [pacer.get_arrival_time(k) for k in range(pacer.count)]
    return [sum((at - (phase + 0.5) / 20) % 1 < 0.05 for at in times) / pacer.count for phase in range(20)]


def test_poisson_arrivals_meet_a_periodic_pause_at_its_share_whatever_the_phase() -> None:
    assert all(abs(share - 0.05) < 0.02 for share in find_hit_shares("poisson"))
    locked = {round(share, 2) for share in find_hit_shares("constant")}
    assert locked == {0.0, 0.1}, "constant gaps meet none of it, or twice its share"


def test_processes_share_one_poisson_process() -> None:
    """Each of three takes every third arrival: together they send the one schedule."""
    pacer = Pacer(30, 20, "poisson", 9, 2)
    parts = [[pacer.get_arrival_time(k) for k in range(i, pacer.count, 3)] for i in range(3)]
    assert sorted(chain.from_iterable(parts)) == [pacer.get_arrival_time(k) for k in range(pacer.count)]
