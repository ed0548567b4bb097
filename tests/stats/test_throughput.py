"""Bounds of a mean rate: how often they miss it, under independent counts and under pauses that come in episodes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.stats.dependence import TIME_BLOCKS
from harness.stats.throughput import bound_throughput

RUNS = 1500
Draw = Callable[[np.random.Generator], NDArray[np.float64]]


def draw_poisson(random: np.random.Generator) -> NDArray[np.float64]:
    return random.poisson(20, TIME_BLOCKS).astype(float)


def draw_pauses(random: np.random.Generator) -> NDArray[np.float64]:
    """Nothing is done in pauses of two blocks, which begin in one of twelve: about five in a run."""
    begins = random.random(TIME_BLOCKS + 1) < 1 / 12
    return np.where(begins[1:] | begins[:-1], 0.0, 20.0)


def draw_episodes(random: np.random.Generator) -> NDArray[np.float64]:
    """Slow and fast times, each of six blocks on average."""
    changes = random.random(TIME_BLOCKS) < 1 / 6
    is_fast = (np.cumsum(changes) + random.integers(2)) % 2
    return random.poisson(16 + 8 * is_fast).astype(float)


@pytest.mark.parametrize(
    ("draw", "mean", "most"),
    [(draw_poisson, 20.0, 0.06), (draw_pauses, 20 * (11 / 12) ** 2, 0.06), (draw_episodes, 20.0, 0.08)],
    ids=["independent", "pauses", "episodes"],
)
def test_each_bound_misses_the_mean_as_rarely_as_asked(draw: Draw, mean: float, most: float) -> None:
    random = np.random.default_rng(20240229)
    bounds = [bound_throughput(draw(random), 0.5) for _ in range(RUNS)]
    assert sum(bound.lower > mean / 0.5 for bound in bounds) <= most * RUNS
    assert sum(bound.upper < mean / 0.5 for bound in bounds) <= most * RUNS


def test_equal_counts_leave_no_doubt_and_more_confidence_costs_width() -> None:
    even = bound_throughput([20] * TIME_BLOCKS, 2.0)
    assert even.lower == even.estimate == even.upper == 10.0
    counts = np.random.default_rng(7).poisson(20, TIME_BLOCKS)
    wide, narrow = bound_throughput(counts, 1.0, 0.005, 0.005), bound_throughput(counts, 1.0)
    assert wide.lower < narrow.lower < narrow.estimate < narrow.upper < wide.upper


def test_pauses_lower_the_lower_bound_by_more_than_they_raise_the_upper() -> None:
    counts = [20.0] * TIME_BLOCKS
    counts[10] = counts[40] = 0.0
    bounds = bound_throughput(counts, 1.0)
    assert bounds.estimate - bounds.lower > 1.2 * (bounds.upper - bounds.estimate)


@pytest.mark.parametrize("counts", [[1.0] * 11, [-1.0] * TIME_BLOCKS, [[1.0] * TIME_BLOCKS]])
def test_what_is_no_series_is_refused(counts: list[float]) -> None:
    with pytest.raises(ValueError, match="blocks of counts"):
        bound_throughput(counts, 1.0)
