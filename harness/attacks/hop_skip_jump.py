"""HopSkipJump: the shortest L2 change that changes the label, from labels alone.

Chen, Jordan, Wainwright: HopSkipJumpAttack (IEEE S&P 2020), algorithm 2 with l = 2. Deliberate differences: 20 rows for
the first estimate of a gradient, where the paper takes 100; two sizes of a step are one batch; the step is halved seven
times at most, so that a service which contradicts itself cannot hold it; and the start is the nearest real row that is
answered otherwise, where there is one, and else a random row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.core.attack import AttackKind, Row, Search, Task
from harness.core.threat import Norm

_FIRST_ROWS, _START_BATCHES, _START_ROWS, _HALVINGS, _SIZES = 20, 10, 5, 8, 2
"""Rows of the first gradient; batches of random rows to start from, and rows in each; sizes of a step, and how many of
them are tried at the same time."""

_Floats = NDArray[np.float64]
_Asks = Generator[Sequence[Row], Sequence[float], _Floats | None]
_Scale = Callable[[_Floats], Sequence[Row]]


class HopSkipJump:
    """The attack. The row is seen with its range as 0 to 1."""

    name = "hop_skip_jump"
    title = "HopSkipJump (L2, from labels)"
    kind = AttackKind(Norm.L2, reads="labels", roams=True)

    def search(self, task: Task) -> Search:
        """A misclassified row is brought to the boundary, and follows it to the input."""
        random = np.random.default_rng(task.seed)
        low, span = task.distance.low, task.distance.high - task.distance.low
        original = (np.asarray(task.row, dtype=np.float64) - low) / span
        size = original.size
        theta = size**-1.5

        def scale(rows: _Floats) -> Sequence[Row]:
            return list(np.clip(rows, 0, 1) * span + low)

        def approach(row: _Floats) -> _Asks:
            """The last misclassified row on the way from `row` to the input."""
            near, far = 0.0, 1.0
            while far - near > theta:
                middle = (near + far) / 2
                (margin,) = yield scale(((1 - middle) * original + middle * row)[None])
                near, far = (near, middle) if margin < 0 else (middle, far)
            return (1 - far) * original + far * row

        start = yield from _find_start(original, task, random, scale)
        if start is None:
            return
        here = yield from approach(start)
        for turn in range(1, task.budget):
            assert here is not None
            distance = float(np.linalg.norm(here - original))
            radius = 0.1 if turn == 1 else math.sqrt(size) * theta * distance
            directions = random.standard_normal((int(_FIRST_ROWS * math.sqrt(turn)), size))
            directions /= np.linalg.norm(directions, axis=1, keepdims=True)
            rows = np.clip(here + radius * directions, 0, 1)
            margins = yield scale(rows)
            signs = np.where(np.array(margins) < 0, 1.0, -1.0)
            if abs(signs.mean()) < 1:
                signs -= signs.mean()
            gradient = ((rows - here) * signs[:, None]).sum(axis=0)
            gradient /= np.linalg.norm(gradient) + 1e-12
            steps = distance / math.sqrt(turn) / 2.0 ** np.arange(_HALVINGS)
            for sizes in steps.reshape(-1, _SIZES):
                rows = np.clip(here + sizes[:, None] * gradient, 0, 1)
                margins = yield scale(rows)
                if min(margins) < 0:
                    here = yield from approach(rows[int(np.argmax(np.array(margins) < 0))])
                    break


def _find_start(original: _Floats, task: Task, random: np.random.Generator, scale: _Scale) -> _Asks:
    """A misclassified row: a real row that the endpoint has answered otherwise, or a random one."""
    low, span = task.distance.low, task.distance.high - task.distance.low
    for donor in task.donors:
        row: _Floats = (np.asarray(donor, dtype=np.float64) - low) / span
        (margin,) = yield scale(row[None])
        if margin < 0:
            return row
    for _ in range(_START_BATCHES):
        rows = random.random((_START_ROWS, original.size))
        margins = yield scale(rows)
        wrong = rows[np.array(margins) < 0]
        if len(wrong):
            nearest: _Floats = wrong[np.linalg.norm(wrong - original, axis=1).argmin()]
            return nearest
    return None


ATTACK = HopSkipJump()
