"""Drive an attack against the endpoint, all inputs in lock-step: one batch a round holds the rows of all inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from harness.core.attack import Attack, Criterion, Finding, Prediction, Row, Search, Task
from harness.core.exchange import Exchange
from harness.run.oracle import Oracle

REPLAYS = 3
"""Times that a finding is sent again, alone: it is confirmed when each of them repeats it."""
NOISE = 1e-6
"""Changes of a margin that single precision makes by itself, with the size of a batch."""


@dataclass(slots=True)
class AttackedInput:
    """One input under attack; `number` is its place in the data, `left` the rows that may still be sent for it.

    `state` is alive, then one of wrong (before any attack), robust, confirmed, or lost (a row got no valid answer).
    `moved` says that some row changed the margin from `start`; `first_label` is the answer to the clean row.
    """

    number: int
    task: Task
    criterion: Criterion
    left: int
    state: str = "alive"
    start: float = 0.0
    moved: bool = False
    first_label: str | None = None
    queries: int = 0
    finding: Finding | None = None
    flaky: Finding | None = None
    lost: Exchange | None = None
    search: Search | None = None
    batch: Sequence[Row] = ()

    def begin(self, attack: Attack, reply: Prediction) -> None:
        """Take the answer to the clean row: it is wrong already, or the search yields its first batch."""
        self.first_label = str(reply.label).strip()
        if self.first_label != str(self.criterion.label):
            self.state = "wrong"
            return
        column = None if reply.scores is None else max(range(len(reply.scores)), key=reply.scores.__getitem__)
        self.criterion = Criterion(reply.label, column)
        self.start = self.criterion.margin(reply)
        self.search = attack.search(replace(self.task, scored=column is not None))
        self.advance(None)

    def advance(self, margins: Sequence[float] | None) -> None:
        """Send the margins to the search and take its next batch, cut to `left`; robust when there is none."""
        assert self.search is not None
        try:
            batch = next(self.search) if margins is None else self.search.send(margins)
        except StopIteration:
            batch = ()
        self.batch = batch[: self.left]
        self.left -= len(self.batch)
        if not self.batch:
            self.state = "robust"

    def reserve_replays(self) -> bool:
        """Whether a finding can be replayed. The first one is free; after a flaky one the budget pays for it."""
        if self.flaky is None:
            return True
        if self.left < REPLAYS:
            return False
        self.left -= REPLAYS
        return True


Watch = Callable[[int, int], None]
"""Takes the rows that were answered, and the most that are still to come."""


def ignore_rows(done: int, left: int) -> None:
    """For an attack that nobody watches."""


def attack_all(oracle: Oracle, attack: Attack, targets: Sequence[AttackedInput], watch: Watch = ignore_rows) -> None:
    """Attack every target that the endpoint classifies right; `watch` is called before each round.

    A row that gets no valid answer ends its search. Raises `BudgetExhausted` at a ceiling of the run, and
    `AssertionError`, before anything is sent, when the attack leaves its constraint.
    """
    clean = oracle.ask([target.task.row for target in targets], "clean")
    for target, (reply, exchange) in zip(targets, clean, strict=True):
        if reply is None:
            target.state, target.lost = "lost", exchange
        else:
            target.begin(attack, reply)
    while alive := [target for target in targets if target.state == "alive"]:
        rows = [(target.task, row) for target in alive for row in target.batch]
        watch(oracle.rows.total(), len(rows) + sum(target.left for target in alive))
        assert all(task.distance.allows(task.row, row) for task, row in rows), f"{attack.name} left its constraint"
        answers = iter(oracle.ask([row for _, row in rows], "query"))
        for target in alive:
            margins = [_handle_answer(oracle, target, row, *next(answers)) for row in target.batch]
            if target.state == "alive":
                target.advance(margins)


def _handle_answer(
    oracle: Oracle, target: AttackedInput, row: Row, reply: Prediction | None, exchange: Exchange
) -> float:
    """Count one answer; returns the margin that the search is sent for it."""
    if target.state != "alive":
        return 0.0
    target.queries += 1
    if reply is None:
        target.state, target.lost = "lost", exchange
        return 0.0
    margin = target.criterion.margin(reply)
    target.moved |= abs(margin - target.start) > NOISE
    if not target.criterion.met(reply):
        return margin
    if target.reserve_replays():
        _replay(oracle, target, row, reply)
    return abs(margin)  # a flaky success does not count: the search goes on


def _replay(oracle: Oracle, target: AttackedInput, row: Row, reply: Prediction) -> None:
    replays = oracle.replay(row, REPLAYS)
    confirmed = all(again is not None and target.criterion.met(again) for again, _ in replays)
    distance = target.task.distance.between(target.task.row, row)
    finding = Finding(row, reply.label, target.queries, distance, confirmed, replays[-1][1])
    if confirmed:
        target.state, target.finding = "confirmed", finding
    else:
        target.flaky = target.flaky or finding
