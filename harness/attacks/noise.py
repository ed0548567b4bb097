"""Random rows in the L-infinity ball: how often does an input keep its label under noise that nobody has chosen?

The share is told with its exact bound (Clopper-Pearson). It is no certificate: randomized smoothing certifies a
classifier that votes over such draws, and the service answers single rows.
"""

from __future__ import annotations

import numpy as np

from harness.core.attack import AttackKind, Search, Task


class Noise:
    """The attack."""

    name = "noise"
    title = "uniform noise (L-infinity)"
    kind = AttackKind(reads="labels", samples=True)

    def search(self, task: Task) -> Search:
        """The whole budget in one batch, each row drawn uniformly from the ball."""
        random = np.random.default_rng(task.seed)
        original, distance = np.asarray(task.row, dtype=np.float64), task.distance
        moves = random.uniform(-distance.eps, distance.eps, (task.budget, original.size))
        yield list(np.clip(original + moves, distance.low, distance.high))


ATTACK = Noise()
