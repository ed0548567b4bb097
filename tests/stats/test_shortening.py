"""A permutation test of sizes: how often it is wrong, and what it sees."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.stats.shortening import SHORTENING_ALPHA, compute_shortening_p, find_factor, would_show_cut


def draw_groups(seed: int, queries: int, n: int, spread: float) -> list[tuple[list[float], list[float]]]:
    random = np.random.default_rng(seed)
    groups = []
    for _ in range(queries):
        before, after = np.ceil(random.lognormal(4 + random.normal(), spread, (2, n)))
        groups.append((before.tolist(), after.tolist()))
    return groups


def test_nothing_to_compare_shows_nothing() -> None:
    assert compute_shortening_p([]) == compute_shortening_p([([], [1.0]), ([2.0], [])]) == 1.0
    assert not would_show_cut([])
    assert compute_shortening_p([([5.0] * 20, [5.0] * 20)]) == 1.0


def test_lengthening_is_not_shortening() -> None:
    assert compute_shortening_p([(list(range(10, 40)), list(range(50, 80)))]) > 0.9


def test_the_p_value_is_that_of_all_exchanges() -> None:
    """Of 4 before and 4 after all 4 lowest are after in one of 70 exchanges; two figures share the error."""
    assert compute_shortening_p([([5.0, 6.0, 7.0, 8.0], [1.0, 2.0, 3.0, 4.0])]) == pytest.approx(2 / 70, abs=0.012)


def test_queries_are_compared_with_themselves() -> None:
    """The long query is asked more often before, the short one after: no answer is shorter."""
    mixed = [([100.0] * 30, [100.0] * 5), ([10.0] * 5, [10.0] * 30)]
    assert compute_shortening_p(mixed) == 1.0


def test_a_failure_counts_as_long() -> None:
    before = [float(size) for size in range(10, 60)]
    survivors = [size if size < 30 else math.inf for size in before]
    assert compute_shortening_p([(before, survivors)]) > SHORTENING_ALPHA


@pytest.mark.parametrize(("queries", "n", "spread"), [(4, 6, 0.4), (2, 20, 1.0)])
def test_answers_that_nothing_shortens_are_called_shorter_no_more_often_than_stated(
    queries: int, n: int, spread: float
) -> None:
    """60 of 2,000 at 10 times the stated rate would be 2.5 standard errors over it; see the benchmark for more."""
    p = [compute_shortening_p(draw_groups(seed, queries, n, spread), seed) for seed in range(150)]
    for alpha, most in ((SHORTENING_ALPHA, 4), (0.05, 15)):
        assert np.sum(np.array(p) <= alpha) <= most


def test_sensitivity_grows_with_the_number_and_falls_with_the_spread() -> None:
    assert would_show_cut(draw_groups(1, 4, 12, 0.05))
    assert not would_show_cut(draw_groups(1, 4, 2, 0.05))
    assert not would_show_cut(draw_groups(1, 4, 12, 2.0))
    assert find_factor(draw_groups(1, 4, 2, 0.05)) in (2, 4)
    assert find_factor([]) is None
