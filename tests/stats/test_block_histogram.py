"""Histograms by block: the same counts as one `Histogram` for each block, whatever is added, merged and sent."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats.block_histogram import BlockHistogram
from harness.stats.histogram import Histogram

LIMITS = (0.0, 0.25, 3.0)
VALUES = st.one_of(st.floats(1e-8, 1e6), st.sampled_from([0.0, 0.25, 3.0, math.inf, 1.02, 1.02**2, 0.25 * (1 + 1e-12)]))
COUNTED = st.lists(st.tuples(st.integers(0, 4), VALUES), max_size=60)


def count(pairs: list[tuple[int, float]]) -> BlockHistogram:
    histogram = BlockHistogram(5, LIMITS)
    histogram.add([block for block, _ in pairs], [value for _, value in pairs])
    return histogram


@given(COUNTED, COUNTED)
def test_every_block_counts_as_a_histogram_of_its_own(
    first: list[tuple[int, float]], second: list[tuple[int, float]]
) -> None:
    merged = BlockHistogram.from_sparse(count(first).to_sparse()).merge(count(second))
    whole = Histogram(LIMITS)
    for block in range(5):
        values = [value for at, value in [*first, *second] if at == block]
        oracle = Histogram(LIMITS)
        oracle.add(values)
        whole = whole.merge(oracle)
        assert merged.get_block(block) == oracle
        assert merged.n[block] == len(values)
        assert [merged.count_over(limit)[block] for limit in LIMITS] == [
            sum(v > limit for v in values) for limit in LIMITS
        ]
    assert merged.total() == whole


@given(st.lists(VALUES, min_size=1, max_size=60), st.floats(0, 1))
def test_what_lies_above_a_quantile_is_what_lies_in_higher_buckets(values: list[float], q: float) -> None:
    histogram = BlockHistogram(1, LIMITS)
    histogram.add([0] * len(values), values)
    total = histogram.total()
    value = total.quantile(q)
    numbers = sorted(number for number, n in total.buckets() for _ in range(n))
    rank = max(1, math.ceil(q * len(values) - 1e-9))
    own = numbers[rank - 1]
    assert histogram.count_above_bucket(value)[0] == sum(number > own for number in numbers)


def test_what_lies_outside_the_buckets_counts_in_the_outermost_one() -> None:
    histogram = BlockHistogram(1, ())
    histogram.add([0, 0], [1e-15, 1e12])
    assert histogram.n[0] == 2
    assert histogram.total().quantile(0) == pytest.approx(1e-9, rel=0.05)
    assert histogram.total().quantile(1) == pytest.approx(1e7, rel=0.05)


@pytest.mark.parametrize("bad", [-1.0, math.nan])
def test_what_is_not_a_duration_is_refused_and_nothing_is_counted(bad: float) -> None:
    histogram = BlockHistogram(2, ())
    with pytest.raises(ValueError, match="from 0"):
        histogram.add([0, 1], [1.0, bad])
    assert histogram.n.sum() == 0


@pytest.mark.parametrize(
    "message", [{}, {"blocks": {"n": 0}}, {"blocks": {"n": 2}, "2": {"1": 1}}, {"blocks": {"n": 2}, "x": {"1": 1}}]
)
def test_a_message_that_is_no_histogram_is_refused(message: dict[str, dict[str, int]]) -> None:
    with pytest.raises(ValueError, match="block"):
        BlockHistogram.from_sparse(message)


def test_other_blocks_or_limits_cannot_be_added() -> None:
    with pytest.raises(ValueError, match="cannot be added"):
        BlockHistogram(2, (1.0,)).merge(BlockHistogram(2, (2.0,)))
