from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from harness.attacks.pointwise import ATTACK
from harness.core.threat import Column, Distance, Norm
from tests.attacks.linear import SIDE, SIZE, drive, make_linear, make_task


@pytest.mark.parametrize("seed", range(5))
def test_the_smallest_change_is_minimal(seed: int) -> None:
    """Taking back any one feature of the last success gives the label back."""
    model = make_linear(seed, margin=2.0)
    donor = np.where(model.weights > 0, 0.1, 0.9)
    rows, wrong = drive(ATTACK, make_task(model, 3, Norm.L0, 3000, donors=(donor.tolist(),)), model)
    successes = [row for row, bad in zip(rows, wrong, strict=True) if bad]
    smallest = min(successes, key=lambda row: int((row != model.row).sum()))
    changed = np.flatnonzero(smallest != model.row)
    assert 0 < len(changed) < SIZE / 2
    for feature in changed:
        trial = smallest.copy()
        trial[feature] = model.row[feature]
        assert model.ask(trial) >= 0


def test_brute_force_over_few_features_agrees() -> None:
    model = make_linear(1, margin=0.3)
    model.weights[6:] = 0.0
    model.bias = 0.3 - float(model.weights @ model.row)
    donor = np.where(model.weights > 0, 0.0, 1.0)
    rows, wrong = drive(ATTACK, make_task(model, 3, Norm.L0, 3000, donors=(donor.tolist(),)), model)
    fewest = min(int((row != model.row).sum()) for row, bad in zip(rows, wrong, strict=True) if bad)

    def breaks(features: tuple[int, ...]) -> bool:
        trial = model.row.copy()
        trial[list(features)] = donor[list(features)]
        return model.ask(trial) < 0

    exact = next(size for size in range(1, 7) if any(breaks(part) for part in combinations(range(6), size)))
    assert exact <= fewest <= exact + 1


def test_halves_are_reset_first() -> None:
    model = make_linear(2, margin=-1e9)  # every row is misclassified
    rows, _ = drive(ATTACK, make_task(model, 3, Norm.L0, 40, donors=([0.0] * SIZE,)), model)
    counts = [int((row != model.row).sum()) for row in rows]
    assert counts[:3] == [SIZE, SIZE // 2, SIZE // 4 + (SIZE // 2) % 2]
    assert min(counts) == 1


def test_constraints_of_columns_hold_in_every_row() -> None:
    model = make_linear(3, margin=1.0)
    columns = (Column(immutable=True), Column(low=0.45, high=0.55), *(Column(direction="up") for _ in range(SIZE - 2)))
    distance = Distance(5, 0.0, 1.0, Norm.L0, columns, lambda before, after: after[5] <= after[6] or after[5] < 0.7)
    task = make_task(model, 5, Norm.L0, 500, donors=([1.0] * SIZE, [0.0] * SIZE))
    task = type(task)(task.row, distance, (SIDE, SIDE), 500, task.seed, donors=task.donors)
    rows, _ = drive(ATTACK, task, model)
    assert rows
    for row in rows:
        assert row[0] == model.row[0]
        assert row[1] == model.row[1] or 0.45 <= row[1] <= 0.55
        assert (row[2:] >= model.row[2:]).all()
        assert row[5] <= row[6] or row[5] < 0.7
