"""One input under attack: its state, its search, what was found, and the one count of the rows that it may send.

Tested in tests/robustness/test_attack_driver.py.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from harness.core.attack import Attack, Criterion, Finding, Prediction, Row, Search, Task, find_kind
from harness.core.exchange import Exchange
from harness.run.oracle import RowAnswer

REPLAYS = 3
"""Times that a finding is sent again, alone: it is confirmed when each of them repeats it."""
NOISE = 1e-6
"""Changes of a margin that single precision makes by itself, with the size of a batch."""
_IDLE_ROUNDS = 100
"""Rounds in which a search may yield nothing that can be sent, before it counts as ended."""


class RowBudget:
    """Counts the rows of searches: at most `per_input` for each input, at most `in_all` together. Nothing else does."""

    def __init__(self, per_input: int, in_all: int | None = None) -> None:
        self._per_input = per_input
        self._left_in_all = in_all or math.inf
        self._taken: Counter[int] = Counter()

    def count_left(self, number: int) -> int:
        """Rows that may still be sent for this input."""
        return int(min(self._per_input - self._taken[number], self._left_in_all))

    def take(self, number: int, wanted: int) -> int:
        """Take up to so many rows for an input; returns how many were left to take."""
        granted = max(0, min(wanted, self.count_left(number)))
        self._taken[number] += granted
        self._left_in_all -= granted
        return granted

    @property
    def is_spent(self) -> bool:
        """Whether the rows of all inputs together are used up."""
        return self._left_in_all <= 0


@dataclass(slots=True)
class AttackedInput:
    """One input under attack; `number` is its place in the data.

    `state` is alive, then one of wrong (before any attack), robust (the search ended without a finding that repeats),
    confirmed, lost (a row got no valid answer), or unfinished (the rows of all inputs together were used up). `moved`
    says that some row changed the margin from `start`; `first_label` is the answer to the clean row. `closest` is the
    distance of the nearest misclassified row, also of one beyond the limit.
    `candidate` is the smallest success of a search that goes on.
    """

    number: int
    task: Task
    criterion: Criterion
    budget: RowBudget
    state: str = "alive"
    start: float = 0.0
    moved: bool = False
    first_label: str | None = None
    queries: int = 0
    batches: int = 0
    roams: bool = False
    closest: float = math.inf
    candidate: tuple[float, Row, int, Prediction] | None = None
    finding: Finding | None = None
    flaky: Finding | None = None
    lost: Exchange | None = None
    search: Search | None = None
    batch: Sequence[Row] = ()
    broken_by_name: list[bool | None] = field(default_factory=list)

    def note_clean_answer(self, reply: Prediction) -> None:
        """Take the answer to the clean row: the input is wrong already, or can be attacked."""
        self.first_label = str(reply.label).strip()
        if self.first_label != str(self.criterion.label):
            self.state = "wrong"
            return
        column = None
        if reply.scores is not None:
            column = max(range(len(reply.scores)), key=reply.scores.__getitem__)
        self.criterion = Criterion(reply.label, column)

    def begin(self, attack: Attack, reply: Prediction, donors: tuple[Row, ...]) -> None:
        """Start the search of an attack."""
        kind = find_kind(attack)
        if kind.reads == "labels":
            self.criterion = Criterion(self.criterion.label)
        self.batches, self.roams = 0, kind.roams
        self.state, self.start = "alive", self.criterion.margin(reply)
        task = replace(self.task, scored=self.criterion.column is not None, donors=donors)
        self.search = attack.search(task)
        self.advance(None)

    def advance(self, margins: Sequence[float] | None) -> None:
        """Send the margins to the search and take its next batch, as far as it may be sent and rows are left.

        A row that the threat model does not admit is never sent: the search is told that it keeps its label.
        """
        assert self.search is not None
        for _ in range(_IDLE_ROUNDS):
            if not self.budget.count_left(self.number):
                break
            try:
                batch = next(self.search) if margins is None else self.search.send(margins)
            except StopIteration:
                break
            if self._take_batch(batch):
                self.batches += 1
                return
            margins = [1.0] * len(batch)
        self.batch = ()
        self.state = "unfinished" if self.budget.is_spent else "robust"

    def _take_batch(self, batch: Sequence[Row]) -> bool:
        rows: list[Row] = []
        for row in batch:
            distance, original = self.task.distance, self.task.row
            if not len(row):
                rows.append(())
                continue
            if isinstance(row, np.ndarray):
                row = row.tolist()  # plain numbers are compared faster
            if not distance.admits(original, row):
                row = distance.project(original, row)
                fits = distance.admits if self.roams else distance.allows
                if not fits(original, row):
                    row = ()
            rows.append(row)
        sendable = sum(len(row) > 0 for row in rows)
        granted = self.budget.take(self.number, sendable)
        self.batch = []
        for row in rows:
            if len(row) and not granted:
                break
            granted -= len(row) > 0
            self.batch.append(row)
        return any(len(row) > 0 for row in self.batch)

    def list_sent(self) -> list[Row]:
        """The rows of the batch that are sent."""
        return [row for row in self.batch if len(row)]

    def reserve_replays(self) -> bool:
        """Whether a finding can be replayed: the first time at no cost, after a flaky finding from the budget."""
        if self.flaky is None:
            return True
        return self.budget.count_left(self.number) >= REPLAYS and self.budget.take(self.number, REPLAYS) == REPLAYS


@dataclass(frozen=True, slots=True)
class Success:
    """A misclassified row within the limit, which its replays make a finding or a flaky one."""

    target: AttackedInput
    row: Row
    reply: Prediction

    def note_replays(self, answers: Sequence[RowAnswer]) -> bool:
        """Take the answers to the replays; whether each of them repeats the success."""
        target = self.target
        confirmed = all(again is not None and target.criterion.met(again) for again, _ in answers)
        distance = target.task.distance.between(target.task.row, self.row)
        finding = Finding(self.row, self.reply.label, target.queries, distance, confirmed, answers[-1][1])
        if confirmed:
            target.state, target.finding = "confirmed", finding
        else:
            target.flaky = target.flaky or finding
        return confirmed
