from __future__ import annotations

import numpy as np
import pytest

from harness.attacks.rays import ATTACK
from harness.core.threat import Norm
from tests.attacks.linear import SIZE, drive, make_linear, make_task


@pytest.mark.parametrize("seed", range(5))
def test_it_comes_close_to_the_exact_distance_and_never_below(seed: int) -> None:
    model = make_linear(seed)
    rows, wrong = drive(ATTACK, make_task(model, 0.1, Norm.LINF, 1500), model)
    away = np.array([np.abs(row - model.row).max() for row in rows])[np.array(wrong)]
    assert model.linf <= away.min() <= 1.05 * model.linf + 1e-3


def test_it_begins_at_a_corner_of_the_box_and_flips_halves() -> None:
    model = make_linear(3, margin=1e9)  # nothing ever changes the label
    rows, wrong = drive(ATTACK, make_task(model, 0.1, Norm.LINF, 4), model)
    assert not any(wrong)
    assert np.array_equal(rows[0], np.zeros(SIZE))
    assert np.array_equal(rows[1], [0] * (SIZE // 2) + [1] * (SIZE // 2))
    assert np.array_equal(rows[2], [1] * (SIZE // 2) + [0] * (SIZE // 2))
    assert np.array_equal(rows[3], [0] * (SIZE // 4) + [1] * (3 * SIZE // 4))


def test_it_has_no_random_numbers() -> None:
    model = make_linear(1)
    one, other = (drive(ATTACK, make_task(model, 0.1, Norm.LINF, 200, seed), model)[0] for seed in (1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_after_single_signs_it_begins_again_and_ends_with_its_budget() -> None:
    model = make_linear(1, margin=1e9)
    assert len(drive(ATTACK, make_task(model, 0.1, Norm.LINF, 500), model)[0]) == 500
