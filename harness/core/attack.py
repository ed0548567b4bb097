"""What an attack is written with: the task that it is given, the rows that it yields, the margins that it is sent.

An attack sends nothing. Its search is a generator that yields batches of rows and is sent one margin for each row. The
driver (`harness.robustness.attack_driver`) sends the rows, keeps to the budget, and decides which row is a finding.

Tested in tests/attacks/test_attacks_conformance.py.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from harness.core.exchange import Exchange
from harness.core.threat import Norm, Threat

Row = Collection[Any]
"""One input: a flat row of numbers (a list, or a numpy array of shape (features,)), or a text."""
Search = Generator[Sequence[Row], Sequence[float], None]
"""Yields batches of rows, is sent their margins in the same order, and ends when it has no more rows to try.

A margin says how far the right label leads (`Criterion.margin`): the smaller it is, the closer the row is to success.
"""


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
    says whether margins come from scores or from labels alone. `donors` are real rows to which the endpoint gave
    another label, the nearest first: an attack may start at them. `words` are replacements that keep a text's meaning.
    `model` is what `AttackKind.prepares` made of the endpoint's answers to all inputs.
    """

    row: Row
    distance: Threat
    shape: tuple[int, ...]
    budget: int
    seed: tuple[int, ...]
    scored: bool = True
    donors: tuple[Row, ...] = ()
    words: dict[str, tuple[str, ...]] = field(default_factory=dict)
    model: Any = None


@dataclass(frozen=True, slots=True)
class AttackKind:
    """What the driver must know of an attack.

    `norm` is how it measures a change, and so which limit of the threat model counts. One that `reads` labels is sent
    1.0 for a right answer and -1.0 for a wrong one; `instead` is the attack that takes over from one that reads scores
    where the service gives none, or rounds them. One that `roams` sends rows beyond its limit on its way. One that
    `minimises` goes on after a success until its search ends, and its smallest success counts. The first batch of one
    that `asks_first` is no attempt: nothing in it is a finding. `names` says what its first rows are, for one that
    always sends the same changes (an empty row is not sent, and keeps its place); with `samples` its rows are one
    random sample, of which the share of right answers is told. `takes` is what a row is. `prepares`: its module makes
    a model of the endpoint from its answers to the data's rows first (`prepare`).
    """

    norm: Norm = Norm.LINF
    reads: Literal["scores", "labels"] = "scores"
    instead: str = ""
    roams: bool = False
    minimises: bool = False
    names: tuple[str, ...] = ()
    samples: bool = False
    takes: Literal["numbers", "text"] = "numbers"
    prepares: bool = False
    asks_first: bool = False

    @property
    def searches(self) -> int:
        """The searches that one input may see."""
        return 1 + bool(self.instead)


class Attack(Protocol):
    """One attack. A file in `harness/attacks/` offers one as `ATTACK`.

    It may have a `kind` besides; without one it moves numbers within L-infinity and reads scores.
    """

    name: str
    title: str

    def search(self, task: Task) -> Search:
        """The search for one input. Same task and same margins: same rows."""


def find_kind(attack: Attack) -> AttackKind:
    """What the driver must know of this attack."""
    return getattr(attack, "kind", AttackKind())


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

    @property
    def state(self) -> str:
        """In a word."""
        return "confirmed" if self.confirmed else "flaky"
