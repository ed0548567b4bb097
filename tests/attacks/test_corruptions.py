from __future__ import annotations

import numpy as np
import pytest

from harness.attacks.corruptions import ATTACK
from harness.core.attack import Task, find_kind
from harness.core.threat import Distance, Norm

KIND = find_kind(ATTACK)


def corrupt(shape: tuple[int, ...], severity: float = 5, low: float = 0.0, high: float = 1.0) -> dict[str, np.ndarray]:
    size = int(np.prod(shape))
    row = low + (high - low) * np.random.default_rng(0).uniform(0.2, 0.8, size)
    task = Task(row.tolist(), Distance(severity, low, high, Norm.SEVERITY), shape, 100, (1, 2))
    batch = next(ATTACK.search(task))
    named = {name: np.asarray(rows) for name, rows in zip(KIND.names, batch, strict=False)}
    return {"original": row} | {name: rows for name, rows in named.items() if len(rows)}


def test_every_corruption_has_five_severities_the_light_ones_first() -> None:
    assert len(KIND.names) == 40
    assert [name.rsplit(" ", 1)[1] for name in KIND.names] == [str(level) for level in range(1, 6) for _ in range(8)]
    assert list(corrupt((8, 8), 2))[1:] == list(KIND.names[:16])


@pytest.mark.parametrize("shape", [(8, 8), (3, 6, 6), (6, 6, 3), (30, 2)])
def test_rows_stay_in_the_range_and_grow_away_from_the_original(shape: tuple[int, ...]) -> None:
    rows = corrupt(shape)
    original = rows.pop("original")
    assert all(row.min() >= 0 and row.max() <= 1 and row.shape == original.shape for row in rows.values())
    for name in ("noise", "lost values", "blur", "contrast", "brightness", "darkness", "occlusion"):
        away = [np.abs(rows[f"{name} {severity}"] - original).mean() for severity in (1, 5)]
        assert 0 < away[0] < away[1] or name == "lost values", name


def test_each_does_what_its_name_says() -> None:
    rows = corrupt((8, 8))
    original = rows["original"].reshape(8, 8)
    assert np.allclose(rows["brightness 2"], np.clip(rows["original"] + 0.16, 0, 1))
    assert np.allclose(rows["darkness 2"], np.clip(rows["original"] - 0.16, 0, 1))
    assert rows["contrast 5"].std() == pytest.approx(0.25 * original.std())
    assert rows["contrast 5"].mean() == pytest.approx(original.mean())
    assert rows["blur 3"].std() < original.std()
    assert (rows["occlusion 4"] == 0).sum() == 9  # round(sqrt(.12 * 64)) = 3 a side
    moved = rows["shift 1"].reshape(8, 8)
    assert any(np.array_equal(moved[1:-1, 1:-1], np.roll(original, (dy, dx), (0, 1))[1:-1, 1:-1])
               for dy in (-1, 1) for dx in (-1, 1))  # fmt: skip


def test_a_table_has_no_neighbours() -> None:
    assert [name for name in corrupt((1, 12)) if name.endswith(" 1")] == ["noise 1", "lost values 1"]


def test_another_range_is_the_same_corruption() -> None:
    unit, wide = corrupt((8, 8)), corrupt((8, 8), low=-10.0, high=246.0)
    assert all(np.allclose(wide[name], unit[name] * 256 - 10) for name in unit)
