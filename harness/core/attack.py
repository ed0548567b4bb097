"""What an attack is written with: the task that it is given, the rows that it yields, the margins that it is sent.

An attack sends nothing. Its search is a generator that yields batches of rows and is sent one margin for each row. The
driver (`harness.robustness.attack_driver`) sends the rows, keeps to the budget, and decides which row is a finding.

Tested in tests/attacks/test_attacks_conformance.py.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

from harness.core.exchange import Exchange

Row = Collection[float]
"""One input as a flat row of numbers: a list, or a numpy array of shape (features,)."""
Search = Generator[Sequence[Row], Sequence[float], None]
"""Yields batches of rows, is sent their margins in the same order, and ends when it has no more rows to try.

A margin says how far the right label leads (`Criterion.margin`): the smaller it is, the closer the row is to success.
"""


@dataclass(frozen=True, slots=True)
class Distance:
    """The rows an attack may send: at most `eps` from the original in every number (L-infinity), within [low, high]."""

    eps: float
    low: float = 0.0
    high: float = 1.0

    def between(self, original: Row, row: Row) -> float:
        """The largest change of a single number. Raises `ValueError` for rows of different lengths."""
        return float(max((abs(a - b) for a, b in zip(original, row, strict=True)), default=0.0))

    def allows(self, original: Row, row: Row) -> bool:
        """Whether `row` keeps the constraint, up to the rounding of floating point."""
        slack = 1e-9 * max(1.0, abs(self.low), abs(self.high))
        inside = all(self.low - slack <= number <= self.high + slack for number in row)
        return inside and self.between(original, row) <= self.eps + slack


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the endpoint says of one row: its label, and a score per class where it gives scores."""

    label: int | str
    scores: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class Criterion:
    """Untargeted misclassification; `column` is the right class's place among the scores, None without scores."""

    label: int | str
    column: int | None = None

    def met(self, reply: Prediction) -> bool:
        """Whether this answer is a success of the attack: any label but the right one."""
        return reply.label != self.label

    def margin(self, reply: Prediction) -> float:
        """How far the right class leads the next one; without scores 1.0 when right and -1.0 when not."""
        if self.column is None or reply.scores is None:
            return -1.0 if self.met(reply) else 1.0
        others = (score for column, score in enumerate(reply.scores) if column != self.column)
        return reply.scores[self.column] - max(others)


@dataclass(frozen=True, slots=True)
class Task:
    """One input to attack, seen as `shape`: (h, w), (h, w, c) or (c, h, w).

    `budget` is the number of rows that will be answered, `seed` makes this input's random numbers its own, `scored`
    says whether margins come from scores or from labels alone.
    """

    row: Row
    distance: Distance
    shape: tuple[int, ...]
    budget: int
    seed: tuple[int, ...]
    scored: bool = True


class Attack(Protocol):
    """One attack. A file in `harness/attacks/` offers one as `ATTACK`."""

    name: str
    title: str

    def search(self, task: Task) -> Search:
        """The search for one input. Same task and same margins: same rows."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A row inside the constraint that was misclassified, after `queries` rows, `distance` from its original.

    `confirmed` when each replay repeated it; else it is flaky and counts as nothing. `exchange` is the last replay.
    """

    row: Row
    answered: int | str
    queries: int
    distance: float
    confirmed: bool
    exchange: Exchange
