"""A linear classifier of two classes, whose smallest changes are known exactly, and a search driven against it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.core.attack import Attack, Task, find_kind
from harness.core.threat import Distance, Norm

SIDE = 6
SIZE = SIDE * SIDE


@dataclass
class Linear:
    """The margin of a row is `weights @ row + bias`; the input lies in the middle of [0, 1], where no bound is met."""

    weights: np.ndarray
    row: np.ndarray
    bias: float

    @property
    def margin(self) -> float:
        return float(self.weights @ self.row + self.bias)

    @property
    def linf(self) -> float:
        return float(self.margin / np.abs(self.weights).sum())

    @property
    def l2(self) -> float:
        return float(self.margin / np.linalg.norm(self.weights))

    def ask(self, row: Any) -> float:
        return float(self.weights @ np.asarray(row) + self.bias)


def make_linear(seed: int, margin: float = 0.15) -> Linear:
    random = np.random.default_rng(seed)
    weights, row = random.standard_normal(SIZE), random.uniform(0.4, 0.6, SIZE)
    return Linear(weights, row, margin - float(weights @ row))


def drive(attack: Attack, task: Task, model: Linear) -> tuple[list[np.ndarray], list[bool]]:
    """All rows that the search sends within its budget, and which of them are misclassified."""
    rows: list[np.ndarray] = []
    search = attack.search(task)
    batch = next(search, ())
    labels = find_kind(attack).reads == "labels"
    while len(batch) and len(rows) < task.budget:
        rows += [np.asarray(row, dtype=float) for row in batch]
        margins = [model.ask(row) for row in batch]
        try:
            batch = search.send([1.0 if margin >= 0 else -1.0 for margin in margins] if labels else margins)
        except StopIteration:
            break
    rows = rows[: task.budget]
    return rows, [model.ask(row) < 0 for row in rows]


def make_task(model: Linear, eps: float, norm: Norm, budget: int, seed: int = 1, **more: Any) -> Task:
    return Task(model.row.tolist(), Distance(eps, 0.0, 1.0, norm), (SIDE, SIDE), budget, (seed, 0), **more)
