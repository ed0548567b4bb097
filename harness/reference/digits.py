"""A digits classifier made from a seed: 8x8 pictures of 0 to 9, classified by softmax regression.

The data have the form of the well-known `load_digits` set (64 whole numbers 0 to 16, row by row), but are drawn here,
so that nothing is downloaded: each picture is a 5x7 glyph under a random shift, scale, shear, stroke, contrast and
noise. Pictures of different seeds are independent draws from one distribution, so any seed but the training one is a
held-out split. Every function is pure: the same seed gives the same figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.random  # here, and not at its first use: a Ctrl-C that comes while it is imported is swallowed by it
from numpy.typing import NDArray

SIDE = 8
FEATURES = SIDE * SIDE
CLASSES = 10
LOW, HIGH = 0.0, 16.0
"""Every pixel lies in [LOW, HIGH]."""
TRAINING_SIZE = 3000

_NOISE = 0.12
_RIDGE = 1e-5
_TURNS = 120
_GLYPHS = """
.###. ..#.. .###. ##### ...#. ##### ..##. ##### .###. .###.
#...# .##.. #...# ....# ..##. #.... .#... ....# #...# #...#
#...# ..#.. ....# ...#. .#.#. ####. #.... ...#. #...# #...#
#...# ..#.. ...#. ..##. #..#. ....# ####. ..#.. .###. .####
#...# ..#.. ..#.. ....# ##### ....# #...# ..#.. #...# ....#
#...# ..#.. .#... #...# ...#. #...# #...# .#... #...# ...#.
.###. .###. ##### .###. ...#. .###. .###. .#... .###. .##..
"""

Floats = NDArray[np.float64]


@lru_cache(maxsize=1)
def _glyphs() -> Floats:
    """The glyphs of 0 to 9 as (10, 11, 9) ink in 0..1, with an empty margin of two pixels for the interpolation."""
    rows = [list("".join(line.split())) for line in _GLYPHS.split("\n") if line]
    ink = np.equal(rows, "#").astype(float).reshape(len(rows), CLASSES, -1).swapaxes(0, 1)
    return np.pad(ink, ((0, 0), (2, 2), (2, 2)))


def _draw(digits: NDArray[np.int64], down: Floats, right: Floats) -> Floats:
    """Ink of each picture at fractional glyph coordinates, all of shape (n, 8, 8): bilinear, empty outside."""
    glyphs = _glyphs()
    down = np.clip(down, 0, glyphs.shape[1] - 1.001)
    right = np.clip(right, 0, glyphs.shape[2] - 1.001)
    top, left = down.astype(int), right.astype(int)
    low, far = down - top, right - left
    which = digits[:, None, None]
    upper = glyphs[which, top, left] * (1 - far) + glyphs[which, top, left + 1] * far
    lower = glyphs[which, top + 1, left] * (1 - far) + glyphs[which, top + 1, left + 1] * far
    return np.asarray(upper * (1 - low) + lower * low, dtype=np.float64)


def make_dataset(seed: int, n: int) -> tuple[Floats, NDArray[np.int64]]:
    """Draw `n` pictures: features (n, 64) of whole numbers 0..16, and labels (n,) 0..9 in near-equal shares.

    Raises `ValueError` for a negative seed or n.
    """
    random = np.random.default_rng(seed)
    labels = random.permutation(np.arange(n, dtype=np.int64) % CLASSES)

    def vary(low: float, high: float) -> Floats:
        return random.uniform(low, high, size=(n, 1, 1))

    centre = (SIDE - 1) / 2
    rows, columns = np.mgrid[0:SIDE, 0:SIDE] - centre
    down = (rows[None] - vary(-0.8, 0.8)) / vary(0.85, 1.15)
    right = (columns[None] - vary(-1.0, 1.0)) / vary(0.9, 1.4) + vary(-0.25, 0.25) * down
    glyphs = _glyphs()
    ink = _draw(labels, down + (glyphs.shape[1] - 1) / 2, right + (glyphs.shape[2] - 1) / 2)
    stroke, contrast = vary(1.0, 2.0), vary(0.55, 1.0)
    pictures = np.clip(ink * stroke, 0, 1) * contrast + random.normal(0, _NOISE, size=ink.shape)
    return np.clip(np.round(pictures * HIGH), LOW, HIGH).reshape(n, FEATURES), labels


@dataclass(frozen=True, slots=True)
class DigitsModel:
    """Multinomial logistic regression: `weights` (64, 10) and `bias` (10,), for features divided by 16."""

    weights: Floats
    bias: Floats

    def predict_proba(self, features: Floats) -> Floats:
        """The probability of each class, (n, 10) with rows that sum to 1, for features (n, 64) in 0..16."""
        return _softmax(features / HIGH @ self.weights + self.bias)


def _softmax(scores: Floats) -> Floats:
    grown = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(grown / grown.sum(axis=1, keepdims=True), dtype=np.float64)


@lru_cache(maxsize=4)
def train(seed: int) -> DigitsModel:
    """Fit to `make_dataset(seed, TRAINING_SIZE)`: accelerated descent, preconditioned by Böhning's bound (1992).

    The bound says that the cross-entropy's curvature is at most half the inputs' second moment, for every class.
    """
    features, labels = make_dataset(seed, TRAINING_SIZE)
    inputs = np.hstack([features / HIGH, np.ones((len(features), 1))])
    target = np.eye(CLASSES)[labels]
    moment = inputs.T @ inputs / len(inputs)
    newton = 2 * np.linalg.inv(moment + _RIDGE * np.eye(len(moment)))
    fitted = ahead = np.zeros((len(moment), CLASSES))
    for turn in range(_TURNS):
        slope = inputs.T @ (_softmax(inputs @ ahead) - target) / len(inputs) + _RIDGE * ahead
        before, fitted = fitted, ahead - newton @ slope
        ahead = fitted + turn / (turn + 3) * (fitted - before)
    return DigitsModel(weights=fitted[:-1], bias=fitted[-1])
