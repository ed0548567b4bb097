"""The Square attack in the L2 ball: the change's mass is moved from one window to another, its length stays `eps`.

Andriushchenko, Croce, Flammarion, Hein: Square Attack (ECCV 2020), algorithms 1 and 3, as in the authors' code.
Deliberate differences: windows touch the last row and column, ties are accepted, and pictures under 10 pixels a side
start with tiles of two pixels.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from harness.attacks.square import compute_share, view_picture
from harness.core.attack import AttackKind, Search, Task
from harness.core.threat import Norm

_Floats = NDArray[np.float64]
_FEW = 1e-10


def make_bump(height: int, width: int) -> _Floats:
    """Nested rectangles around the middle, the inner the higher; of Euclidean length 1."""
    bump = np.zeros((height, width))
    middle, center = height // 2 + 1, width // 2 + 1
    top, left = middle - 1, center - 1
    for ring in range(max(middle, center)):
        bump[max(top, 0) : top + 2 * ring + 1, max(left, 0) : left + 2 * ring + 1] += 1 / (ring + 1) ** 2
        top, left = top - 1, left - 1
    length = np.linalg.norm(bump)
    return np.asarray(bump / length) if length else bump


def make_pair(side: int, random: np.random.Generator) -> _Floats:
    """Two bumps of opposite signs, one above the other or side by side; of Euclidean length 1."""
    half = side // 2
    pair = np.zeros((side, side))
    pair[:half] = make_bump(half, side)
    pair[half:] = -make_bump(side - half, side)
    pair /= np.linalg.norm(pair)
    return pair.T if random.random() < 0.5 else pair


class SquareL2:
    """The attack; `first` is the share of the picture that the first windows cover (p_init of the paper)."""

    name = "square_l2"
    title = "Square attack (L2, from scores)"
    kind = AttackKind(Norm.L2, instead="hop_skip_jump")

    def __init__(self, first: float = 0.1) -> None:
        self._first = first

    def search(self, task: Task) -> Search:
        """One row a turn: first tiles of bumps, then the best row so far with the mass of two windows in one."""
        random = np.random.default_rng(task.seed)
        flat = np.asarray(task.row, dtype=np.float64)
        original = view_picture(flat, task.shape)
        low, high, eps = task.distance.low, task.distance.high, task.distance.eps

        def place(change: _Floats) -> tuple[_Floats, _Floats]:
            """The flat row of this change, stretched to length eps, and its picture."""
            row = flat.copy()
            picture = view_picture(row, task.shape)
            picture[:] = np.clip(original + change * (eps / (np.linalg.norm(change) + _FEW)), low, high)
            return row, picture

        row, best = place(_tile(original.shape, random))
        (margin,) = yield (row,)
        for turn in range(1, task.budget):
            share = compute_share(turn, task.budget, self._first) if task.scored else self._first
            row, picture = place(_move_mass(best - original, share, eps, random))
            (new_margin,) = yield (row,)
            if new_margin <= margin:
                best, margin = picture, new_margin


def _tile(shape: tuple[int, ...], random: np.random.Generator) -> _Floats:
    """The first change: five tiles a side, each a pair of bumps with a random sign for each channel."""
    height, width, channels = shape
    side = max(2, min(height, width) // 5)
    change = np.zeros(shape)
    for top in range(0, height, side):
        for left in range(0, width, side):
            part = change[top : top + side, left : left + side]
            pair = make_pair(side, random)[: part.shape[0], : part.shape[1], None]
            part += pair * random.choice((-1.0, 1.0), size=channels)
    return change


def _move_mass(change: _Floats, share: float, eps: float, random: np.random.Generator) -> _Floats:
    """The change with the second of two random windows emptied and its mass, as a new pair of bumps, in the first."""
    height, width, channels = change.shape
    side = max(3, round(math.sqrt(share * height * width)))
    side = min(side + 1 - side % 2, height, width)
    tops, lefts = random.integers(height - side + 1, size=2), random.integers(width - side + 1, size=2)
    first, second = (np.s_[top : top + side, left : left + side] for top, left in zip(tops, lefts, strict=True))
    both = np.zeros((height, width, 1))
    both[first] = both[second] = 1
    mass = np.square(change * both).sum(axis=(0, 1))
    spare = max(eps**2 - float(np.square(change).sum()), 0.0) / channels
    pair = make_pair(side, random)[:, :, None] if side > 1 else np.ones((1, 1, 1))
    bumps = pair * random.choice((-1.0, 1.0), size=channels)
    bumps = bumps + change[first] / (_FEW + np.linalg.norm(change[first], axis=(0, 1)))
    bumps *= np.sqrt(spare + mass) / (_FEW + np.linalg.norm(bumps, axis=(0, 1)))
    change = change.copy()
    change[second] = 0
    change[first] = bumps
    return change


ATTACK = SquareL2()
