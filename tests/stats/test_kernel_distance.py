"""The kernel distance of two samples of vectors: 0 of one distribution, more the less they have in common."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics.pairwise import rbf_kernel

from harness.stats.drift import Effect
from harness.stats.kernel_distance import measure_kernel_distance


def compare(n: int, shift: float, seed: int = 1, dimension: int = 16) -> Effect:
    """Two normal samples, of which one is moved in an eighth of the dimensions."""
    generator = np.random.default_rng((n, seed))
    x, y = generator.normal(size=(2, n, dimension))
    y[:, : dimension // 8] += shift
    return measure_kernel_distance(x, y, 0.02, 0.05, seed)


def test_the_estimate_is_that_of_its_definition() -> None:
    generator = np.random.default_rng(2)
    x, y = generator.normal(size=(2, 80, 5))
    y[:, 0] += 2
    pooled = np.concatenate([x, y])
    squares = ((pooled[:, None] - pooled[None]) ** 2).sum(axis=2)
    kernel = rbf_kernel(pooled, gamma=1 / np.median(squares[np.triu_indices(160, 1)]))
    within = (kernel[:80, :80].sum() + kernel[80:, 80:].sum() - 160) / (2 * 80 * 79)
    expected = 1 - kernel[:80, 80:].mean() / within
    assert measure_kernel_distance(x, y, 0.02, 0.05, 1).estimate == pytest.approx(expected)


def test_moved_vectors_are_told_from_others() -> None:
    still, moved = compare(400, 0.0), compare(400, 1.5)
    assert still.lower <= 0.003
    assert still.upper < 0.02
    assert still.p > 0.5
    assert moved.lower > 0.02
    assert moved.p < 0.01
    disjoint = measure_kernel_distance(np.eye(80)[np.zeros(80, int)], np.eye(80)[np.arange(80) % 2 + 1], 0.02, 0.05, 1)
    assert disjoint.lower > 0.3
    same = measure_kernel_distance(np.ones((80, 3)), np.ones((80, 3)), 0.02, 0.05, 1)
    assert (same.estimate, same.upper) == (0.0, 0.0)
    assert same.p == 1


@pytest.mark.simulation
@pytest.mark.parametrize("n", [100, 300])
def test_at_most_five_in_a_hundred_are_wrong(n: int) -> None:
    runs = 100
    truth = float(np.mean([compare(1000, 1.0, seed).estimate for seed in range(4)]))
    still = [compare(n, 0.0, seed) for seed in range(runs)]
    moved = [compare(n, 1.0, seed) for seed in range(runs)]
    assert sum(effect.p <= 0.05 for effect in still) <= 5
    assert sum(effect.lower > truth for effect in moved) <= 5 + 6
    assert sum(effect.upper < truth for effect in moved) <= 5 + 6
    assert sum(effect.upper < 0 for effect in still) <= 5 + 6
