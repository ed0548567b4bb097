from __future__ import annotations

import numpy as np
import pytest

from harness.attacks.square_l2 import ATTACK, make_bump, make_pair
from harness.core.threat import Norm
from tests.attacks.linear import drive, make_linear, make_task


def test_a_bump_is_nested_rectangles_of_length_one() -> None:
    bump = make_bump(5, 5)
    assert np.linalg.norm(bump) == pytest.approx(1)
    ring = 1.0
    expected = np.full((5, 5), 1 / 9)
    expected[1:4, 1:4] += 1 / 4
    expected[2, 2] += ring
    assert bump == pytest.approx(expected / np.linalg.norm(expected))


def test_a_pair_is_one_bump_up_and_one_down() -> None:
    pair = make_pair(6, np.random.default_rng(0))
    assert np.linalg.norm(pair) == pytest.approx(1)
    upper, lower = (pair[:3], pair[3:]) if np.ptp(np.sign(pair[:3])) == 0 else (pair[:, :3], pair[:, 3:])
    assert (upper > 0).all()
    assert (lower < 0).all()


@pytest.mark.parametrize("seed", range(4))
def test_every_row_lies_on_the_ball_and_the_margin_falls(seed: int) -> None:
    model = make_linear(seed, margin=5.0)
    rows, _ = drive(ATTACK, make_task(model, 0.3, Norm.L2, 300), model)
    away = np.linalg.norm(np.array(rows) - model.row, axis=1)
    assert away.max() <= 0.3 + 1e-9
    assert away.min() >= 0.3 - 1e-6  # nothing is cut off by [0, 1] here
    margins = [model.ask(row) for row in rows]
    assert min(margins[200:]) < min(margins[:5]) - 0.3


@pytest.mark.parametrize("seed", range(4))
def test_it_finds_a_success_twice_as_far_as_the_exact_distance_and_none_below(seed: int) -> None:
    model = make_linear(seed, margin=0.5)
    for share, success in ((0.95, False), (2.0, True)):
        _, wrong = drive(ATTACK, make_task(model, share * model.l2, Norm.L2, 600), model)
        assert any(wrong) is success


def test_ties_are_accepted() -> None:
    model = make_linear(1)

    class Flat:
        def ask(self, row: object) -> float:
            return 1.0

    rows, _ = drive(ATTACK, make_task(model, 0.3, Norm.L2, 20), Flat())  # type: ignore[arg-type]
    assert len({row.tobytes() for row in rows}) == 20
