"""Sorted uniform numbers that are drawn where they are asked for."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.core.pacing import Pacer
from harness.core.sorted_draws import SortedUniforms


@given(st.integers(1, 3000), st.integers(0, 2**32))
def test_they_are_sorted_and_within_their_bounds(count: int, seed: int) -> None:
    numbers = SortedUniforms(count, 2.0, 5.0, seed)
    listed = numbers[:]
    assert len(listed) == len(numbers) == count
    assert listed == sorted(listed)
    assert 2.0 <= listed[0] <= listed[-1] <= 5.0


def test_each_number_is_the_same_in_whatever_order_they_are_asked_for() -> None:
    forwards, backwards = SortedUniforms(5000, 0, 1, 3), SortedUniforms(5000, 0, 1, 3)
    assert forwards[:] == [backwards[k] for k in reversed(range(5000))][::-1]
    with pytest.raises(IndexError):
        forwards[5000]


def test_they_are_uniform_and_their_gaps_exponential() -> None:
    numbers = SortedUniforms(20_000, 0, 1, 11)[:]
    assert stats.kstest(numbers, "uniform").pvalue > 0.001
    gaps = [b - a for a, b in pairwise(numbers)]
    assert stats.kstest(gaps, "expon", args=(0, 1 / 20_000)).pvalue > 0.001


def test_any_order_statistic_of_many_has_its_beta_distribution() -> None:
    drawn = [SortedUniforms(1_000_000, 0, 1, seed)[250_000] for seed in range(300)]
    assert stats.kstest(drawn, "beta", args=(250_001, 750_000)).pvalue > 0.001


def test_a_schedule_of_days_is_not_kept_in_memory() -> None:
    pacer = Pacer(1000, 100_000, "poisson", 5, warm_up=10)
    at = [pacer.get_arrival_time(k) for k in (0, 9_999, 10_000, 50_000_000, pacer.count - 1)]
    assert at == sorted(at)
    assert at[1] < 10 <= at[2]
    assert at[3] == pytest.approx(50_000, rel=0.01)
    assert sum(len(part._leaf[1]) for part in pacer._parts) <= 200
