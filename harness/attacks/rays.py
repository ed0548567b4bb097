"""RayS: the L-infinity distance along rays to the corners of the box, from labels alone.

Chen, Gu: RayS, a ray searching method for hard-label adversarial attack (KDD 2020). It has no random numbers and no
parameters: blocks of signs are flipped, halved in turn, and a ray that misclassifies at the best radius so far is
followed back by bisection. Deliberate difference: bisection ends at a quarter of a thousandth of the range, in
L-infinity, and after single signs halves come again.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from harness.core.attack import AttackKind, Search, Task

_TOLERANCE = 2.5e-4
"""Where bisection ends, as a share of the range of a number."""


class RayS:
    """The attack."""

    name = "rays"
    title = "RayS (L-infinity, from labels)"
    kind = AttackKind(reads="labels", roams=True)

    def search(self, task: Task) -> Search:
        """One row a turn: a ray with one block of signs flipped, and bisection where it is shorter than the best."""
        original = np.asarray(task.row, dtype=np.float64)
        low, high = task.distance.low, task.distance.high
        size = original.size

        def place(signs: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
            return np.clip(original + signs * radius, low, high)

        signs, best = np.ones(size), high - low
        level = block = 0
        for _ in range(task.budget):
            length = math.ceil(size / 2**level)
            ray = signs.copy()
            ray[block * length : (block + 1) * length] *= -1
            (margin,) = yield (place(ray, best),)
            if margin < 0:
                near, far = 0.0, best
                while far - near > _TOLERANCE * (high - low):
                    middle = (near + far) / 2
                    (margin,) = yield (place(ray, middle),)
                    near, far = (near, middle) if margin < 0 else (middle, far)
                signs, best = ray, far
            block += 1
            if block * length >= size:
                block, level = 0, level + 1 if length > 1 else 0


ATTACK = RayS()
