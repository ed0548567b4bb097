"""Every file in `harness/attacks/` keeps the promise of `core.attack.Attack`."""

from __future__ import annotations

import numpy as np
import pytest

from harness.core.attack import Attack, Distance, Task
from harness.core.registry import list_plugins, load_plugin


def sent(attack: Attack, task: Task) -> list[np.ndarray]:
    search = attack.search(task)
    found: list[np.ndarray] = []
    batch = next(search)
    while len(found) < task.budget:
        found += [np.array(list(row)) for row in batch]
        try:
            batch = search.send([float(np.asarray(list(row)).sum()) for row in batch])
        except StopIteration:
            break
    return found


@pytest.mark.parametrize("name", list_plugins("attacks"))
@pytest.mark.parametrize("scored", [True, False])
def test_an_attack_keeps_its_ball_its_row_and_its_seed(name: str, scored: bool) -> None:
    attack: Attack = load_plugin("attacks", name).ATTACK
    assert attack.name == name
    assert attack.title
    row = [0.0, 0.5, 1.0, 0.25] * 4
    np.random.seed(1)
    state = np.random.get_state()[1].tolist()  # type: ignore[index]
    task = Task(row, Distance(0.1), (4, 4), 30, (1, 2), scored)
    rows = sent(attack, task)
    assert len(rows) >= 1
    assert all(each.shape == (16,) and task.distance.allows(row, each.tolist()) for each in rows)
    assert all(np.array_equal(a, b) for a, b in zip(rows, sent(attack, task), strict=True))
    assert row == [0.0, 0.5, 1.0, 0.25] * 4, "the input itself was changed"
    assert np.random.get_state()[1].tolist() == state, "global random numbers were used"  # type: ignore[index]
