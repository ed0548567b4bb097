"""The Square attack in the L-infinity ball: random squares at the ball's corners, kept while the margin does not grow.

Andriushchenko, Croce, Flammarion, Hein: Square Attack (ECCV 2020), algorithms 1 and 2. Deliberate differences:
a window may touch the last row and column; ties are accepted, since rounded scores would stop the search otherwise; and
with labels alone the windows do not shrink, because nothing shows which row is better.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from harness.core.attack import AttackKind, Search, Task

_HALVED_AT = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
"""Iterations of a schedule of 10,000 after which the changed share of the picture is halved."""
_FULL = 10_000
_TRIES = 10
"""Windows drawn at most to find one that changes something."""

_Floats = NDArray[np.float64]


def compute_share(turn: int, budget: int, first: float) -> float:
    """The share of the picture that a window covers at this turn: `first`, halved on the scaled schedule."""
    scaled = turn * _FULL // max(budget, 1)
    halvings = sum(scaled > at for at in _HALVED_AT)
    return math.ldexp(first, -halvings)


def choose_window(height: int, width: int, covered: float) -> tuple[int, int]:
    """Height and width of the window that covers this share: a square, or as much of it as fits a narrow picture."""
    area = covered * height * width
    side = max(1, round(math.sqrt(area)))
    if side <= min(height, width):
        return side, side
    if height < width:
        return height, min(width, max(1, round(area / height)))
    return min(height, max(1, round(area / width))), width


def view_picture(row: _Floats, shape: tuple[int, ...]) -> _Floats:
    """The flat row seen as (height, width, channels), without a copy. Raises `ValueError` for a wrong shape."""
    if math.prod(shape) != row.size or len(shape) not in (2, 3):
        raise ValueError(f"a row of {row.size} numbers is not a picture of shape {shape}")
    if len(shape) == 2:
        return row.reshape((*shape, 1))
    pixels = row.reshape(shape)
    is_channels_first = shape[0] <= 4 < shape[2]
    return pixels.transpose(1, 2, 0) if is_channels_first else pixels


class Square:
    """The attack; `first` is the share of the picture that the first windows change (p_init of the paper)."""

    name = "square"
    title = "Square attack (L-infinity, from scores)"
    kind = AttackKind(instead="rays")

    def __init__(self, first: float = 0.3) -> None:
        self._first = first

    def search(self, task: Task) -> Search:
        """One row a turn: first vertical stripes, then the best row so far with one window changed."""
        random = np.random.default_rng(task.seed)
        original = np.asarray(task.row, dtype=np.float64)
        distance = task.distance
        below = view_picture(np.maximum(original - distance.eps, distance.low), task.shape)
        above = view_picture(np.minimum(original + distance.eps, distance.high), task.shape)
        height, width, channels = below.shape
        best = original.copy()
        view_picture(best, task.shape)[:] = np.where(random.random((1, width, channels)) < 0.5, below, above)
        (margin,) = yield (best,)
        for turn in range(1, task.budget):
            covered = compute_share(turn, task.budget, self._first) if task.scored else self._first
            tall, wide = choose_window(height, width, covered)
            row = best.copy()
            pixels = view_picture(row, task.shape)
            for _ in range(_TRIES):
                top = int(random.integers(height - tall + 1))
                left = int(random.integers(width - wide + 1))
                part = np.s_[top : top + tall, left : left + wide]
                changed = np.where(random.random(channels) < 0.5, below[part], above[part])
                if not np.array_equal(changed, pixels[part]):
                    pixels[part] = changed
                    break
            (new_margin,) = yield (row,)
            if new_margin <= margin:
                best, margin = row, new_margin


ATTACK = Square()
