from __future__ import annotations

import numpy as np
import pytest

from harness.attacks.hop_skip_jump import ATTACK
from harness.core.threat import Distance, Norm
from tests.attacks.linear import SIZE, drive, make_linear, make_task


def nearest(model: object, rows: list[np.ndarray], wrong: list[bool], row: np.ndarray) -> float:
    return float(min(np.linalg.norm(other - row) for other, bad in zip(rows, wrong, strict=True) if bad))


@pytest.mark.parametrize("seed", range(5))
def test_it_comes_close_to_the_exact_distance_and_never_below(seed: int) -> None:
    model = make_linear(seed)
    rows, wrong = drive(ATTACK, make_task(model, 0.1, Norm.L2, 2000), model)
    assert model.l2 <= nearest(model, rows, wrong, model.row) <= 1.25 * model.l2 + 0.01


def test_the_first_gradient_takes_twenty_rows() -> None:
    model = make_linear(2)
    search = ATTACK.search(make_task(model, 0.1, Norm.L2, 500))
    sizes, batch = [], next(search)
    for _ in range(30):
        sizes.append(len(batch))
        batch = search.send([1.0 if model.ask(row) >= 0 else -1.0 for row in batch])
    assert sizes[0] == 5
    assert 20 in sizes
    assert sizes[sizes.index(20) + 1] == 2  # sizes of a step, the largest first


def test_it_starts_at_a_real_row_that_is_answered_otherwise() -> None:
    model = make_linear(4, margin=0.05)
    rare = np.full(SIZE, 0.999)  # misclassified here alone

    class Corner:
        def ask(self, row: object) -> float:
            return -1.0 if float(np.mean(np.asarray(row))) > 0.95 else 1.0

    task = make_task(model, 0.1, Norm.L2, 400, donors=(rare.tolist(),))
    rows, wrong = drive(ATTACK, task, Corner())  # type: ignore[arg-type]
    assert wrong.index(True) == 0
    assert np.array_equal(rows[0], rare)
    assert nearest(Corner(), rows, wrong, model.row) < np.linalg.norm(rare - model.row)


def test_a_service_that_contradicts_itself_does_not_hold_it() -> None:
    """Labels at random: the halving of a step is bounded, so the search ends with its budget."""
    model, random = make_linear(5), np.random.default_rng(0)

    class Noisy:
        def ask(self, row: object) -> float:
            return float(random.choice((-1.0, 1.0)))

    rows, _ = drive(ATTACK, make_task(model, 0.1, Norm.L2, 600), Noisy())  # type: ignore[arg-type]
    assert len(rows) == 600


def test_without_a_start_it_ends() -> None:
    model = make_linear(6, margin=1e9)
    rows, wrong = drive(ATTACK, make_task(model, 0.1, Norm.L2, 600), model)
    assert len(rows) == 50
    assert not any(wrong)


def test_a_range_other_than_0_to_1_is_the_same_search() -> None:
    model = make_linear(7)
    unit, _ = drive(ATTACK, make_task(model, 0.1, Norm.L2, 100), model)
    wide = type(model)(model.weights / 255, model.row * 255, model.bias)
    task = make_task(wide, 25.5, Norm.L2, 100)
    task = type(task)(wide.row.tolist(), Distance(25.5, 0.0, 255.0, Norm.L2), task.shape, 100, task.seed)
    scaled, _ = drive(ATTACK, task, wide)
    assert np.allclose(np.array(scaled) / 255, np.array(unit))
