"""Drive an attack against the endpoint, all inputs in lock-step: one batch a round holds the rows of all inputs."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from itertools import islice

import numpy as np

from harness.core.attack import Attack, AttackKind, Prediction, Row, find_kind
from harness.core.exchange import Exchange
from harness.robustness.attacked_input import NOISE, REPLAYS, AttackedInput, Success
from harness.robustness.query_ledger import QueryLedger, Question
from harness.run.oracle import RowAnswer

_DONORS = 5
"""Real rows that an attack gets to start from."""

Watch = Callable[[int, int], None]
"""Takes the rows that were answered, and the most that are still to come."""
Handling = Generator[tuple[Row, Prediction], None, list[float]]
"""Yields the successes of a batch, which are replayed then, and returns the batch's margins."""
CleanAnswers = dict[int, Prediction]
"""The answer to the clean row of each input, by its number."""


def ignore_rows(done: int, left: int) -> None:
    """For an attack that nobody watches."""


def ask_clean_rows(ledger: QueryLedger, targets: Sequence[AttackedInput]) -> CleanAnswers:
    """Ask for the inputs as they are. Raises `BudgetExhausted` at a ceiling of the run."""
    answers: CleanAnswers = {}
    questions = [Question(target.number, target.task.row) for target in targets]
    for target, (reply, exchange) in zip(targets, ledger.ask(questions, "clean"), strict=True):
        if reply is None:
            target.state, target.lost = "lost", exchange
        else:
            answers[target.number] = reply
            target.note_clean_answer(reply)
    return answers


def attack_all(
    ledger: QueryLedger,
    attack: Attack,
    targets: Sequence[AttackedInput],
    clean: CleanAnswers,
    watch: Watch = ignore_rows,
) -> None:
    """Attack every target that the endpoint classifies right; `watch` is called before each round.

    A row that gets no valid answer ends its search. Raises `BudgetExhausted` at a ceiling of the run, and
    `AssertionError`, before anything is sent, when an attack that does not roam leaves its limit.
    """
    kind = find_kind(attack)
    for target in targets:
        if target.state == "alive":
            donors = _choose_donors(target, targets) if kind.roams else ()
            target.begin(attack, clean[target.number], donors)
    _settle(ledger, targets)
    while alive := [target for target in targets if target.state == "alive"]:
        questions = [Question(target.number, row) for target in alive for row in target.list_sent()]
        left = sum(target.budget.count_left(target.number) for target in alive)
        watch(ledger.oracle.rows.total(), len(questions) + left)
        if not kind.roams:
            _refuse_leaving(attack, [target for target in alive if target.batches > kind.asks_first])
        answers = iter(ledger.ask(questions, "query"))
        batches = [_handle_batch(kind, target, list(islice(answers, len(target.list_sent())))) for target in alive]
        for target, margins in zip(alive, _replay_in_step(ledger, alive, batches), strict=True):
            if target.state == "alive":
                target.advance(margins)
        _settle(ledger, alive)


def _refuse_leaving(attack: Attack, alive: Sequence[AttackedInput]) -> None:
    for target in alive:
        is_near, original = target.task.distance.is_near, target.task.row
        assert all(is_near(original, row) for row in target.list_sent()), f"{attack.name} left its constraint"


def _choose_donors(target: AttackedInput, targets: Sequence[AttackedInput]) -> tuple[Row, ...]:
    """The nearest inputs to which the endpoint gave another label than to this one."""
    rows = [other.task.row for other in targets if other.first_label not in (None, target.first_label)]
    if not rows or isinstance(rows[0], str):
        return ()
    away = np.linalg.norm(np.asarray(rows, dtype=float) - np.asarray(target.task.row, dtype=float), axis=1)
    return tuple(rows[place] for place in np.argsort(away, kind="stable")[:_DONORS].tolist())


def _handle_batch(kind: AttackKind, target: AttackedInput, answers: Sequence[RowAnswer]) -> Handling:
    """Count the answers to a batch; yields each success that is to be replayed, returns what the search is sent."""
    margins, left = [], iter(answers)
    for row in target.batch:
        if not len(row):
            margins.append(1.0)
            target.broken_by_name.append(None)
            continue
        reply, exchange = next(left)
        margin, is_success = _handle_answer(kind, target, row, reply, exchange)
        if is_success and reply is not None and target.reserve_replays():
            yield row, reply
        margins.append(margin)
    return margins


def _handle_answer(
    kind: AttackKind, target: AttackedInput, row: Row, reply: Prediction | None, exchange: Exchange
) -> tuple[float, bool]:
    """Count one answer; returns the margin that the search is sent for it, and whether it is to be replayed."""
    if kind.names or kind.samples:
        target.broken_by_name.append(None if reply is None else target.criterion.met(reply))
    if target.state != "alive":
        return 0.0, False
    target.queries += 1
    if reply is None:
        target.state, target.lost = "lost", exchange
        return 0.0, False
    margin = target.criterion.margin(reply)
    target.moved |= abs(margin - target.start) > NOISE
    if not target.criterion.met(reply):
        return margin, False
    if kind.asks_first and target.batches == 1:
        return margin, False
    distance = target.task.distance.between(target.task.row, row)
    target.closest = min(target.closest, distance)
    if not target.task.distance.allows(target.task.row, row):
        return margin, False
    if kind.minimises:
        if target.candidate is None or distance < target.candidate[0]:
            target.candidate = distance, row, target.queries, reply
        return margin, False
    return abs(margin), True  # a flaky success does not count: the search goes on


def _replay_in_step(
    ledger: QueryLedger, targets: Sequence[AttackedInput], batches: Sequence[Handling]
) -> list[list[float]]:
    """Go through all batches together, so that their replays share the connections; returns what each returns."""
    margins: dict[int, list[float]] = {}
    waiting = list(enumerate(zip(targets, batches, strict=True)))
    while waiting:
        successes, going_on = [], []
        for place, (target, batch) in waiting:
            try:
                row, reply = next(batch)
            except StopIteration as ended:
                margins[place] = ended.value
            else:
                successes.append(Success(target, row, reply))
                going_on.append((place, (target, batch)))
        replay_all(ledger, successes)
        waiting = going_on
    return [margins[place] for place in range(len(batches))]


def _settle(ledger: QueryLedger, targets: Sequence[AttackedInput]) -> None:
    """Replay the smallest success of each search that went on after it and has ended."""
    successes = []
    for target in targets:
        if target.candidate is None or target.state not in ("robust", "unfinished"):
            continue
        _, row, target.queries, reply = target.candidate
        target.candidate = None
        successes.append(Success(target, row, reply))
    replay_all(ledger, successes)


def replay_all(ledger: QueryLedger, successes: Sequence[Success]) -> list[bool]:
    """Send successes again, each row alone: one is confirmed if each answer repeats it, else flaky."""
    if not successes:
        return []
    answers = iter(ledger.replay([Question(success.target.number, success.row) for success in successes], REPLAYS))
    return [success.note_replays(list(islice(answers, REPLAYS))) for success in successes]
