"""Every file in `harness/attacks/` keeps the promise of `core.attack.Attack`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.core.attack import Attack, Task, find_kind
from harness.core.registry import list_plugins, load_plugin
from harness.core.threat import Distance, Norm, TextDistance

TEXT = "the service was good, and the food was warm"


def make_task(attack: Attack, scored: bool) -> Task:
    kind = find_kind(attack)
    if kind.takes == "text":
        return Task(TEXT, TextDistance(5), (1, 1), 60, (1, 2), scored, words={"good": ("fine",)})
    row = [0.0, 0.5, 1.0, 0.25] * 4
    donors = ([0.9, 0.1] * 8, [1.0] * 16)
    eps = 3 if kind.norm is Norm.SEVERITY else 0.1
    return Task(row, Distance(eps, norm=kind.norm), (4, 4), 60, (1, 2), scored, donors)


def answer(row: Any) -> float:
    """A margin that falls and rises with the row, and is negative for some."""
    if isinstance(row, str):
        return len(row) - len(TEXT) + 0.5
    return float(np.asarray(list(row)).sum()) - 7.6


def list_sent_rows(attack: Attack, task: Task) -> list[Any]:
    kind, search = find_kind(attack), attack.search(task)
    rows: list[Any] = []
    batch = next(search)
    if kind.asks_first:
        batch = search.send([answer(row) for row in batch])
    while len(rows) < task.budget:
        rows += [row if isinstance(row, str) else np.array(list(row)) for row in batch if len(row)]
        margins = [answer(row) for row in batch]
        if kind.reads == "labels" or not task.scored:
            margins = [1.0 if margin >= 0 else -1.0 for margin in margins]
        try:
            batch = search.send(margins)
        except StopIteration:
            break
    return rows


@pytest.mark.parametrize("name", list_plugins("attacks"))
@pytest.mark.parametrize("scored", [True, False])
def test_an_attack_keeps_its_ball_its_row_and_its_seed(name: str, scored: bool) -> None:
    attack: Attack = load_plugin("attacks", name).ATTACK
    kind = find_kind(attack)
    assert attack.name == name
    assert attack.title
    if kind.prepares:
        pytest.skip("it needs a model: see its own test")
    np.random.seed(1)
    state = np.random.get_state()[1].tolist()  # type: ignore[index]
    task = make_task(attack, scored)
    original = task.row if isinstance(task.row, str) else list(task.row)
    rows = list_sent_rows(attack, task)
    assert len(rows) >= 1
    keeps = task.distance.admits if kind.roams else task.distance.allows
    assert all(keeps(original, row if isinstance(row, str) else row.tolist()) for row in rows)
    assert all(np.array_equal(a, b) for a, b in zip(rows, list_sent_rows(attack, task), strict=True))
    assert original == (task.row if isinstance(task.row, str) else list(task.row)), "the input itself was changed"
    assert np.random.get_state()[1].tolist() == state, "global random numbers were used"  # type: ignore[index]
    assert not kind.instead or find_kind(load_plugin("attacks", kind.instead).ATTACK).norm == kind.norm
