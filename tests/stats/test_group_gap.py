"""Bounds of the largest gap: as many are wrong as they allow, for the worst division of the groups too."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.stats.group_gap import bound_gap, find_critical_distance


def test_one_pair_needs_the_normal_quantile_and_many_more() -> None:
    assert find_critical_distance((0.02, 0.02), 0.1, 0.05) == pytest.approx(1.645, abs=0.02)
    assert find_critical_distance((0.02, 0.02), 0.0, 0.05) == pytest.approx(1.96, abs=0.02)
    several = [find_critical_distance((0.02,) * count, 0.1, 0.05) for count in (2, 3, 4, 6, 8)]
    assert several == sorted(several)
    for count, critical in zip((2, 3, 4, 6, 8), several, strict=True):
        assert critical <= 3.53, count  # Bonferroni's of 8 groups
    assert find_critical_distance((0.02,) * 3, 0.1, 0.0001) == pytest.approx(4.149, abs=0.01), "Bonferroni's"


def test_the_worst_pair_is_named_and_the_gap_is_within_its_bounds() -> None:
    bounds = bound_gap(np.array([20.0, 80.0, 55.0]), np.full(3, 100.0), (0.05, 0.05), 0.1)
    assert bounds.worst == (1, 0)
    assert bounds.lower < 0.6 < bounds.upper
    ratio = bound_gap(np.array([20.0, 80.0]), np.full(2, 100.0), (0.05, 0.05), math.log(1 / 0.8), as_ratio=True)
    assert ratio.lower < math.log(4) < ratio.upper


def test_shares_of_none_and_of_all_have_bounds() -> None:
    bounds = bound_gap(np.array([0.0, 40.0]), np.array([40.0, 40.0]), (0.05, 0.05), 0.1)
    assert 0.85 < bounds.lower < 1
    assert bounds.upper == 1.0
    none = bound_gap(np.zeros(2), np.array([40.0, 40.0]), (0.05, 0.05), 0.1, as_ratio=True)
    assert none.upper == math.inf
    assert none.lower < 0
    with pytest.raises(ValueError, match="two groups"):
        bound_gap(np.array([1.0]), np.array([2.0]), (0.05, 0.05))


def count_errors(sizes: list[int], shares: list[float], limit: float, runs: int, *, as_ratio: bool) -> tuple[int, int]:
    """How often "at most the limit" and "at least the limit" are refuted."""
    generator = np.random.default_rng((sum(sizes), runs))
    margin = -math.log(limit) if as_ratio else limit
    fails = passes = 0
    for _ in range(runs):
        good = generator.binomial(sizes, shares).astype(float)
        bounds = bound_gap(good, np.array(sizes, float), (0.05, 0.05), margin, as_ratio=as_ratio)
        fails += bounds.lower > margin
        passes += bounds.upper < margin
    return fails, passes


@pytest.mark.simulation
@pytest.mark.parametrize(
    ("sizes", "shares", "limit", "as_ratio"),
    [
        ([50, 50], [0.5, 0.4], 0.1, False),
        ([20, 80], [0.15, 0.05], 0.1, False),
        ([500, 500], [0.55, 0.45], 0.1, False),
        ([5000, 5000], [0.9, 0.8], 0.1, False),
        ([25, 25, 25, 25], [0.5, 0.5, 0.4, 0.4], 0.1, False),
        ([250, 250, 250, 250], [0.3, 0.2, 0.3, 0.2], 0.1, False),
        ([30, 200, 770], [0.9, 0.85, 0.85], 0.05, False),
        ([30, 200, 770], [0.5, 0.5, 0.48], 0.02, False),
        ([1250] * 8, [0.25, 0.2] * 4, 0.05, False),
        ([50, 50], [0.5, 0.4], 0.8, True),
        ([500, 500], [0.1, 0.08], 0.8, True),
        ([250, 250, 250, 250], [0.5, 0.4, 0.5, 0.4], 0.8, True),
        ([2500, 7500], [0.05, 0.04], 0.8, True),
    ],
)  # fmt: skip
def test_at_most_five_in_a_hundred_are_wrong_at_the_limit(
    sizes: list[int], shares: list[float], limit: float, as_ratio: bool
) -> None:
    runs = 250
    for wrong in count_errors(sizes, shares, limit, runs, as_ratio=as_ratio):
        assert wrong <= 0.05 * runs + 10, f"{wrong} of {runs}"  # three standard errors


@pytest.mark.simulation
@pytest.mark.parametrize("n", [100, 1000, 10_000])
@pytest.mark.parametrize("count", [2, 5])
def test_fair_groups_never_fail_more_often(n: int, count: int) -> None:
    runs = 60
    for share in (0.03, 0.3, 0.8):
        fails, _ = count_errors([n // count] * count, [share] * count, 0.05, runs, as_ratio=False)
        assert fails <= 0.05 * runs
        fails, _ = count_errors([n // count] * count, [share] * count, 0.8, runs, as_ratio=True)
        assert fails <= 0.05 * runs
