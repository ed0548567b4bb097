"""Common corruptions at five severities: what cameras, wires and forms do to an input, without an adversary.

Hendrycks, Dietterich: Benchmarking neural network robustness to common corruptions (ICLR 2019) has the idea and the
five severities; the corruptions are plain numpy, for pictures of any size and, where they make sense, for tables. The
accuracy under each is told apart. A severity says how strong a corruption is, not how likely.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from harness.attacks.square import view_picture
from harness.core.attack import AttackKind, Row, Search, Task
from harness.core.threat import Norm

_Floats = NDArray[np.float64]
_Corrupt = Callable[[_Floats, int, np.random.Generator], _Floats]
"""Takes (height, width, channels) with the range as 0 to 1, a severity from 1 to 5 and random numbers."""


def _add_noise(picture: _Floats, severity: int, random: np.random.Generator) -> _Floats:
    return picture + random.standard_normal(picture.shape) * 0.04 * severity


def _lose_values(picture: _Floats, severity: int, random: np.random.Generator) -> _Floats:
    """Single values at the ends of their range (salt and pepper)."""
    ends = random.integers(2, size=picture.shape).astype(np.float64)
    return np.where(random.random(picture.shape) < 0.02 * severity, ends, picture)


def _blur(picture: _Floats, severity: int, _: np.random.Generator) -> _Floats:
    """Each value as a mean with its eight neighbours, in part, once for each severity."""
    for _turn in range(severity):
        padded = np.pad(picture, ((1, 1), (1, 1), (0, 0)), mode="edge")
        height, width = picture.shape[:2]
        shifted = [padded[top : top + height, left : left + width] for top in range(3) for left in range(3)]
        picture = 0.6 * picture + 0.4 * np.mean(shifted, axis=0)
    return picture


def _lower_contrast(picture: _Floats, severity: int, _: np.random.Generator) -> _Floats:
    middle = picture.mean()
    faded: _Floats = (picture - middle) * (1 - 0.15 * severity) + middle
    return faded


def _brighten(picture: _Floats, severity: int, _: np.random.Generator) -> _Floats:
    return picture + 0.08 * severity


def _darken(picture: _Floats, severity: int, _: np.random.Generator) -> _Floats:
    return picture - 0.08 * severity


def _occlude(picture: _Floats, severity: int, random: np.random.Generator) -> _Floats:
    """A square of the lowest value, of 3 % of the picture for each severity."""
    height, width = picture.shape[:2]
    side = max(1, min(height, width, round((0.03 * severity * height * width) ** 0.5)))
    top, left = random.integers(height - side + 1), random.integers(width - side + 1)
    covered = picture.copy()
    covered[top : top + side, left : left + side] = 0
    return covered


def _shift(picture: _Floats, severity: int, random: np.random.Generator) -> _Floats:
    """Moved by up to a pixel in sixteen for each severity, the edge repeated."""
    height, width = picture.shape[:2]
    most = max(1, round(severity * min(height, width) / 32))
    rows = np.clip(np.arange(height) + random.choice((-most, most)), 0, height - 1)
    columns = np.clip(np.arange(width) + random.choice((-most, most)), 0, width - 1)
    moved: _Floats = picture[rows][:, columns]
    return moved


_OF_ALL: dict[str, _Corrupt] = {"noise": _add_noise, "lost values": _lose_values}
_OF_PICTURES: dict[str, _Corrupt] = {
    "blur": _blur,
    "contrast": _lower_contrast,
    "brightness": _brighten,
    "darkness": _darken,
    "occlusion": _occlude,
    "shift": _shift,
}
_SEVERITIES = range(1, 6)


class Corruptions:
    """The attack: every corruption once at every severity up to the limit, the light ones first."""

    name = "corruptions"
    title = "common corruptions (noise, blur, contrast, brightness, occlusion, shift)"
    kind = AttackKind(
        Norm.SEVERITY,
        reads="labels",
        names=tuple(f"{name} {severity}" for severity in _SEVERITIES for name in _OF_ALL | _OF_PICTURES),
    )

    def search(self, task: Task) -> Search:
        """One batch; of a table, which has no neighbours, noise and lost values alone."""
        random = np.random.default_rng(task.seed)
        low, span = task.distance.low, task.distance.high - task.distance.low
        flat = (np.asarray(task.row, dtype=np.float64) - low) / span
        is_picture = min(view_picture(flat, task.shape).shape[:2]) > 1
        rows: list[Row] = []
        for severity in range(1, int(task.distance.eps) + 1):
            for name, corrupt in (_OF_ALL | _OF_PICTURES).items():
                row = flat.copy()
                picture = view_picture(row, task.shape)
                picture[:] = np.clip(corrupt(picture.copy(), severity, random), 0, 1)
                rows.append(row * span + low if is_picture or name in _OF_ALL else ())
        yield rows


ATTACK = Corruptions()
