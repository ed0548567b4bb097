from __future__ import annotations

import json
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.stats.histogram import GAMMA, Histogram

VALUES = st.lists(st.floats(0, 1e6) | st.just(math.inf), max_size=40)


def fill_histogram(values: list[float], limits: tuple[float, ...] = (0.8, 2.0)) -> Histogram:
    out = Histogram(limits)
    out.add(values)
    return out


@pytest.mark.parametrize("q", [0, 0.01, 0.5, 0.95, 0.99, 0.999, 1])
def test_quantiles_are_within_one_percent(q: float) -> None:
    values = np.random.default_rng(1).lognormal(0, 1, 20_000)
    histogram = Histogram()
    histogram.add(values)
    assert histogram.quantile(q) == pytest.approx(np.quantile(values, q, method="inverted_cdf"), rel=0.01)


@given(VALUES)
@settings(deadline=None, max_examples=80)
def test_one_by_one_and_at_once_are_the_same(values: list[float]) -> None:
    single = Histogram((0.8, 2.0))
    for value in values:
        single.add(value)
    assert single == fill_histogram(values)
    assert single.n == len(values)


@given(VALUES, VALUES, VALUES)
@settings(deadline=None, max_examples=80)
def test_merging_is_associative_commutative_and_loses_nothing(a: list[float], b: list[float], c: list[float]) -> None:
    x, y, z = fill_histogram(a), fill_histogram(b), fill_histogram(c)
    assert x.merge(y) == y.merge(x) == fill_histogram(a + b)
    assert x.merge(y).merge(z) == x.merge(y.merge(z))
    assert x.merge(Histogram((0.8, 2.0))) == x == fill_histogram(a)  # and x itself did not change


@given(VALUES)
@settings(deadline=None, max_examples=80)
def test_the_sparse_form_survives_json(values: list[float]) -> None:
    histogram = fill_histogram(values)
    assert Histogram.from_sparse(json.loads(json.dumps(histogram.to_sparse()))) == histogram


@given(VALUES, st.floats(0, 10))
@settings(deadline=None, max_examples=100)
def test_counts_over_a_limit_are_exact(values: list[float], limit: float) -> None:
    histogram = fill_histogram([*values, limit, math.nextafter(limit, 20)], (limit,))
    assert histogram.count_over(limit) == sum(value > limit for value in values) + 1


def test_a_limit_that_was_not_counted_is_refused_not_guessed() -> None:
    histogram = fill_histogram([0.5, 1.5])
    with pytest.raises(ValueError, match="not counted"):
        histogram.count_over(1.0)
    with pytest.raises(ValueError, match="cannot merge"):
        histogram.merge(Histogram())
    for limit in (-1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="limits"):
            Histogram((limit,))


@pytest.mark.parametrize("wrong", [math.nan, -1e-9, -math.inf])
def test_what_is_no_duration_is_refused_and_counts_nothing(wrong: float) -> None:
    histogram = Histogram()
    with pytest.raises(ValueError, match="negative or NaN"):
        histogram.add(wrong)
    with pytest.raises(ValueError, match="negative or NaN"):
        histogram.add([1.0, wrong, 2.0])
    assert histogram.n == 0


def test_zero_and_infinity_have_buckets_of_their_own() -> None:
    histogram = fill_histogram([0.0, 0.0, 1.0, math.inf])
    assert (histogram.n, histogram.infinite_count) == (4, 1)
    assert [histogram.quantile(q) for q in (0.5, 0.75, 0.99)] == [0.0, pytest.approx(1.0, rel=0.01), math.inf]
    assert histogram.count_over(0.8) == 2
    assert histogram.to_sparse()["zero"] == 2
    assert histogram.to_sparse()["inf"] == 1


def test_an_empty_histogram_has_no_quantile() -> None:
    with pytest.raises(ValueError, match="empty"):
        Histogram().quantile(0.5)
    with pytest.raises(ValueError, match="must lie"):
        fill_histogram([1.0]).quantile(1.5)
    assert Histogram().to_dense() == ([], [])


def test_the_dense_form_covers_all_finite_values() -> None:
    values = [0.0, 0.01, 0.5, 0.5, 3.0, math.inf]
    edges, counts = fill_histogram(values).to_dense()
    assert len(edges) == len(counts) + 1
    assert edges == sorted(edges)
    assert sum(counts) == 5
    assert edges[0] == 0
    for value in (0.5, 3.0):
        inside = [i for i, count in enumerate(counts) if count and edges[i] < value <= edges[i + 1] * (1 + 1e-12)]
        assert inside
    assert max(high / low for low, high in pairwise(edges[1:])) == pytest.approx(GAMMA)


def test_only_zeros_can_be_drawn() -> None:
    assert fill_histogram([0.0, 0.0]).to_dense() == ([0.0, 0.0], [2])


@pytest.mark.parametrize("sparse", [{"12": -1}, {"12": 1.5}, {"x": 1}, {"over 0.8": 1}, {"12": 1, "over 0.8": 2}])
def test_a_sparse_form_that_was_not_written_by_us_is_refused(sparse: dict[str, int]) -> None:
    with pytest.raises(ValueError):
        Histogram.from_sparse(sparse)
