"""The threat model of one attack: which rows may be sent, how far a row is from its original, which count as findings.

Tested in tests/core/test_threat.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from operator import sub
from typing import Any, Literal, Protocol

from harness.core.bounds import OverZero

Fits = Callable[[Sequence[float], Sequence[float]], bool]
"""Says of an original row and a changed one whether the changed one could be real (a relation between columns)."""


class Norm(StrEnum):
    """How the size of a change is measured."""

    LINF = "linf"
    L2 = "l2"
    L0 = "l0"
    EDITS = "edits"
    SEVERITY = "severity"


NORM_NAMES = {
    Norm.LINF: "L-infinity, the largest change of a number",
    Norm.L2: "L2, the Euclidean length of the change",
    Norm.L0: "L0, the changed features with their costs",
    Norm.EDITS: "edited characters",
    Norm.SEVERITY: "severity of a corruption",
}


@dataclass(frozen=True, slots=True)
class Column:
    """`[adversarial.columns.NAME]`: what an attacker can do with one column.

    It is `immutable`, or one of `categories`, or a number in [`low`, `high`] (none: that of `[adversarial]`), whole if
    `integer`, which only goes `up` or `down` if `direction` says so. A change costs `cost` features.
    """

    immutable: bool = False
    integer: bool = False
    categories: list[float | str] = field(default_factory=list)
    low: float | None = None
    high: float | None = None
    direction: Literal["", "up", "down"] = ""
    cost: OverZero[float] = 1.0

    def find_problem(self) -> tuple[str, str] | None:
        """The key that contradicts another, and why; or None."""
        if self.low is not None and self.high is not None and not self.low < self.high:
            return "high", f"must be over low, got {self.high!r} and {self.low!r}"
        if self.categories and (self.integer or self.direction or self.low is not None or self.high is not None):
            return "categories", "leave no integer, direction, low or high: name the allowed values alone"
        return None

    def project(self, original: float, value: float, low: float, high: float) -> float:
        """The allowed value next to this one, where a number without a range of its own lies in [low, high]."""
        if self.immutable:
            return original
        if self.categories:
            codes = [float(code) for code in self.categories]
            return min(codes, key=lambda code: (abs(code - value), code))
        least = low if self.low is None else self.low
        most = high if self.high is None else self.high
        if self.direction == "up":
            least = max(least, original)
        elif self.direction == "down":
            most = min(most, original)
        value = min(max(value, least), most)
        if not self.integer:
            return value
        whole = float(round(value))
        if whole > most:
            return float(math.floor(most))
        return float(math.ceil(least)) if whole < least else whole


ANY_COLUMN = Column()


class Threat(Protocol):
    """What a search knows of the threat model."""

    @property
    def eps(self) -> float:
        """The most that a change may measure."""

    @property
    def low(self) -> float:
        """The least that a number may be."""

    @property
    def high(self) -> float:
        """The most that a number may be."""

    def between(self, original: Any, row: Any) -> float:
        """How far the row is from its original."""

    def admits(self, original: Any, row: Any) -> bool:
        """Whether the row may be sent at all."""

    def allows(self, original: Any, row: Any) -> bool:
        """Whether the row may be sent, and is a finding where it is misclassified."""

    def is_near(self, original: Any, row: Any) -> bool:
        """Whether the change measures `eps` at most."""

    def project(self, original: Any, row: Any) -> Any:
        """The row that may be sent next to this one, as far as single columns say so."""


@dataclass(frozen=True, slots=True)
class Distance:
    """Rows of numbers within [low, high] and at most `eps` from the original by this norm.

    `columns` has what each column allows; empty: every number may change. `fits` is a relation between columns.
    """

    eps: float
    low: float = 0.0
    high: float = 1.0
    norm: Norm = Norm.LINF
    columns: tuple[Column, ...] = ()
    fits: Fits | None = None

    def between(self, original: Collection[float], row: Collection[float]) -> float:
        """The size of the change, by the norm. Raises `ValueError` for rows of different lengths."""
        if self.norm is Norm.L2:
            return math.dist(original, row)
        if len(original) != len(row):
            raise ValueError(f"rows of {len(original)} and {len(row)} numbers")
        changes = list(map(abs, map(sub, original, row)))
        if self.norm is Norm.L0:
            if not self.columns:
                return float(sum(change > _SAME for change in changes))
            return sum(column.cost for column, change in zip(self.columns, changes, strict=True) if change > _SAME)
        return float(max(changes, default=0.0))

    def admits(self, original: Collection[float], row: Collection[float]) -> bool:
        """Whether each number lies where it may, and the relation between columns holds."""
        if self.columns:
            return self._fits_columns(original, row)
        slack = self._slack
        low, high = self.low - slack, self.high + slack
        return low <= min(row, default=low) and max(row, default=high) <= high and self._has_relation(original, row)

    def allows(self, original: Collection[float], row: Collection[float]) -> bool:
        """Whether `row` keeps the constraint, up to the rounding of floating point."""
        return self.admits(original, row) and self.is_near(original, row)

    def is_near(self, original: Collection[float], row: Collection[float]) -> bool:
        """Whether the change is at most `eps`; a severity is the attack's own."""
        return self.norm is Norm.SEVERITY or self.between(original, row) <= self.eps + self._slack

    def project(self, original: Collection[float], row: Collection[float]) -> list[float]:
        """The row with each number moved to the nearest that its column allows; relations are not mended."""
        if not self.columns:
            return [min(max(float(value), self.low), self.high) for value in row]
        cells = zip(self.columns, original, row, strict=True)
        return [column.project(float(a), float(b), self.low, self.high) for column, a, b in cells]

    @property
    def _slack(self) -> float:
        return 1e-9 * max(1.0, abs(self.low), abs(self.high))

    def _fits_columns(self, original: Collection[float], row: Collection[float]) -> bool:
        """An original outside its own columns may stay where it is, and nowhere else."""
        slack = self._slack
        for value, start, nearest in zip(row, original, self.project(original, row), strict=True):
            if abs(value - nearest) > slack and abs(value - start) > _SAME:
                return False
        return self._has_relation(original, row)

    def _has_relation(self, original: Collection[float], row: Collection[float]) -> bool:
        return self.fits is None or bool(self.fits([float(v) for v in original], [float(v) for v in row]))


_SAME = 1e-9
"""Changes up to this are the rounding of floating point."""


@dataclass(frozen=True, slots=True)
class TextDistance:
    """Texts at most `eps` edits (inserted, deleted, replaced characters) from the original."""

    eps: float
    low: float = 0.0
    high: float = 0.0

    def between(self, original: str, row: str) -> float:
        """The number of edits, by Levenshtein."""
        return float(count_edits(original, row))

    def admits(self, original: str, row: str) -> bool:
        """Whether anything is left of the text."""
        return bool(row.strip())

    def allows(self, original: str, row: str) -> bool:
        """Whether the text is left, and at most so many of its characters are edited."""
        return self.admits(original, row) and self.is_near(original, row)

    def is_near(self, original: str, row: str) -> bool:
        """Whether at most `eps` of its characters are edited."""
        return self.between(original, row) <= self.eps

    def project(self, original: str, row: str) -> str:
        """Any text may be sent."""
        return row


def count_edits(one: str, other: str) -> int:
    """The fewest insertions, deletions and replacements of single characters that make one text the other."""
    while one and other and one[0] == other[0]:
        one, other = one[1:], other[1:]
    while one and other and one[-1] == other[-1]:
        one, other = one[:-1], other[:-1]
    costs = list(range(len(other) + 1))
    for row, a in enumerate(one, 1):
        diagonal, costs[0] = costs[0], row
        for place, b in enumerate(other, 1):
            diagonal, costs[place] = costs[place], min(costs[place] + 1, costs[place - 1] + 1, diagonal + (a != b))
    return costs[-1]
