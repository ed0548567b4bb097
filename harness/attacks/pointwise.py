"""Pointwise: the fewest changed features, from labels alone. A misclassified row is reset to the input, part by part.

Schott, Rauber, Bethge, Brendel (ICLR 2019) reset single features; here halves are reset first, then quarters, down to
single features, which is delta debugging (Zeller, Hildebrandt 2002) and takes a tenth of the rows. The start is a real
row that the endpoint has answered otherwise, so that values are real ones; then random corners.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.core.attack import AttackKind, Row, Search, Task
from harness.core.threat import Norm

_Floats = NDArray[np.float64]
_STARTS, _CORNERS = 3, 20
"""Real rows, and random corners, that are tried as starts."""


def reset_features(task: Task, row: _Floats, random: np.random.Generator) -> Generator[Sequence[Row], Sequence[float]]:
    """Take back all changes of a misclassified row without which it stays misclassified, the larger parts first."""
    original = np.asarray(task.row, dtype=np.float64)
    size = max(1, int((row != original).sum()) // 2)
    while True:
        changed = random.permutation(np.flatnonzero(row != original))
        shorter = False
        for start in range(0, len(changed), size):
            part = changed[start : start + size]
            trial = row.copy()
            trial[part] = original[part]
            if np.array_equal(trial, original) or not task.distance.admits(task.row, trial):
                continue
            (margin,) = yield (trial,)
            if margin < 0:
                row, shorter = trial, True
        if size == 1 and not shorter:
            return
        size = max(1, size // 2)


class Pointwise:
    """The attack."""

    name = "pointwise"
    title = "Pointwise (fewest changed features, from labels)"
    kind = AttackKind(Norm.L0, reads="labels", roams=True, minimises=True)

    def search(self, task: Task) -> Search:
        """Starts one after the other, each made as small as it goes."""
        random = np.random.default_rng(task.seed)
        low, high = task.distance.low, task.distance.high
        corners = np.where(random.random((_CORNERS, len(task.row))) < 0.5, low, high)
        for start in (*task.donors[:_STARTS], *corners):
            row = np.asarray(task.distance.project(task.row, start), dtype=np.float64)
            if not task.distance.admits(task.row, row):
                continue
            (margin,) = yield (row,)
            if margin < 0:
                yield from reset_features(task, row, random)


ATTACK = Pointwise()
