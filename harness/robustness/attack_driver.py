"""Drive an attack against the endpoint, all inputs in lock-step, and judge what it left standing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

import numpy as np

from harness.checks.common import TOO_MANY_REQUESTS, find_harness_error
from harness.core.attack import Attack, Criterion, Distance, Finding, Reply, Row, Search, Task
from harness.core.exchange import Exchange
from harness.core.objective import Objective
from harness.core.plan import PlannedCheck
from harness.core.verdict import Counterexample, Slice, Status, Verdict, make_inconclusive
from harness.run.oracle import Oracle
from harness.run.rate_judging import judge_fixed, right_share, unrepeated
from harness.run.session import Session

REPLAYS, _SHOWN = 3, 5
"""Times that a finding is sent again, alone: it is confirmed when each repeats it. Findings that a verdict shows."""
NOISE = 1e-6
"""Changes of a margin that single precision makes by itself, with the size of a batch."""
_STEPS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
"""Rows an input at which the curve is drawn."""


@dataclass(slots=True)
class _Target:
    """One input under attack; `number` is its place in the data, `left` the rows that may still be sent for it.

    `state` is alive, then one of wrong (before any attack), robust, confirmed, or lost (a row got no valid answer).
    `moved` says that some row changed the margin from `start`.
    """

    number: int
    task: Task
    criterion: Criterion
    left: int
    state: str = "alive"
    start: float = 0.0
    moved: bool = False
    queries: int = 0
    finding: Finding | None = None
    flaky: Finding | None = None
    lost: Exchange | None = None
    search: Search | None = None
    batch: Sequence[Row] = ()

    def begin(self, attack: Attack, reply: Reply) -> None:
        """Take the answer to the clean row: wrong already, or the first batch of the search."""
        if str(reply.label) != str(self.criterion.label):
            self.state = "wrong"
            return
        column = None if reply.scores is None else max(range(len(reply.scores)), key=reply.scores.__getitem__)
        self.criterion = Criterion(reply.label, column)
        self.start = self.criterion.margin(reply)
        self.search = attack.search(replace(self.task, scored=column is not None))
        self.advance(None)

    def advance(self, margins: Sequence[float] | None) -> None:
        """Hand the margins to the search and take its next batch, cut to what is left; robust when there is none."""
        assert self.search is not None
        try:
            wanted = next(self.search) if margins is None else self.search.send(margins)
        except StopIteration:
            wanted = ()
        self.batch = wanted[: self.left]
        self.left -= len(self.batch)
        if not self.batch:
            self.state = "robust"


def attack_all(oracle: Oracle, attack: Attack, targets: Sequence[_Target]) -> None:
    """Attack every target that the endpoint classifies right; one batch a round carries the rows of all still alive.

    A row lost ends its search. Raises `BudgetExhausted` at a ceiling of the run, and `AssertionError`, before anything
    is sent, when the attack leaves its constraint.
    """
    for target, (reply, exchange) in zip(targets, oracle.ask([t.task.row for t in targets], "clean"), strict=True):
        if reply is None:
            target.state, target.lost = "lost", exchange
        else:
            target.begin(attack, reply)
    while alive := [target for target in targets if target.state == "alive"]:
        rows = [(target.task, row) for target in alive for row in target.batch]
        assert all(task.distance.allows(task.row, row) for task, row in rows), f"{attack.name} left its constraint"
        said = iter(oracle.ask([row for _, row in rows], "query"))
        for target in alive:
            margins = [_taken(oracle, target, row, *next(said)) for row in target.batch]
            if target.state == "alive":
                target.advance(margins)


def _taken(oracle: Oracle, target: _Target, row: Row, reply: Reply | None, exchange: Exchange) -> float:
    """Take one answer into account; the margin that the search is sent for it."""
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
    again = oracle.replay(row, REPLAYS)
    held = all(each is not None and target.criterion.met(each) for each, _ in again)
    moved = target.task.distance.between(target.task.row, row)
    finding = Finding(row, reply.label, target.queries, moved, held, again[-1][1])
    if held:
        target.state, target.finding = "confirmed", finding
    else:
        target.flaky = target.flaky or finding
    return abs(margin)  # a flaky success is none: the search goes on


def judge_attack(session: Session, attack: Attack, objective: Objective, check: PlannedCheck) -> Verdict:
    """Robust accuracy under an attack: the share of inputs classified right at first and through the whole budget.

    Not robust are inputs wrong at first, those with a confirmed finding, and those with a row to which the service
    gave no valid answer twice (DESIGN 6.1: a service that was reached answers for every failure). A PASS is none
    where it would rest on inputs whose margin no row ever changed, or on rounded scores.
    """
    settings, seed = session.settings.attack, session.settings.seed
    data = session.settings.data.dataset if session.settings.data else None
    assert settings is not None
    assert data is not None
    if data.labels is None or not all(isinstance(row, list | tuple) for row in data.inputs):
        return make_inconclusive(f"{data.name} holds no labelled rows of numbers: there is nothing to attack")
    if any(isinstance(label, float | list | dict) for label in data.labels):
        return make_inconclusive(f"{data.name} holds no classes as labels: robust accuracy needs whole numbers or text")
    distance = Distance(settings.eps, settings.low, settings.high)
    targets = []
    drawn = np.random.default_rng(seed).permutation(len(data.inputs)).tolist()
    for number in islice(unrepeated(data, drawn), settings.inputs):
        row, side = data.inputs[number], math.isqrt(len(data.inputs[number]))
        if not distance.allows(row, row):
            return make_inconclusive(
                f"input {number} of {data.name} lies outside [{distance.low:g}, {distance.high:g}]"
            )
        shape = data.shape or ((side, side) if side * side == len(row) else (1, len(row)))
        task = Task(row, distance, shape, settings.budget, (seed, number))
        targets.append(_Target(number, task, Criterion(data.labels[number]), settings.budget))
    oracle = Oracle(session)
    attack_all(oracle, attack, targets)
    return _verdict(session, oracle, targets, objective, check)


def _verdict(
    session: Session, oracle: Oracle, targets: Sequence[_Target], objective: Objective, check: PlannedCheck
) -> Verdict:
    lost = [target.lost for target in targets if target.lost is not None]
    if broken := find_harness_error(*lost):
        return broken
    if len(lost) == len(targets) and all(exchange.ok for exchange in lost):
        shown = session.show("an answer with neither a label nor scores for each row", lost[0])
        return make_inconclusive(shown.summary, counterexamples=(shown,))
    count = {state: sum(t.state == state for t in targets) for state in ("wrong", "confirmed", "lost", "robust")}
    notes = [
        f"{count['wrong']} inputs wrong before the attack, {count['confirmed']} with a finding confirmed by {REPLAYS} "
        f"replays, {sum(t.flaky is not None for t in targets)} with a flaky one (not counted), {count['lost']} with a "
        "row that got no valid answer twice (counted against the service)",
        "rows sent: " + ", ".join(f"{rows} {purpose}" for purpose, rows in oracle.sent.items()),
    ]
    masked = "the scores are rounded" if oracle.coarse else "" if oracle.scored else "only labels are answered"
    if masked:
        notes.append(f"score-masking possible: {masked}; an attack of another kind may find more")
    judged = partial(judge_fixed, n=len(targets), objective=objective, check=check, what="inputs were not robust")
    bad = count["wrong"] + count["confirmed"] + count["lost"]
    unproven = count["robust"] if masked else sum(t.state == "robust" and not t.moved for t in targets)
    declined = sum(exchange.status == TOO_MANY_REQUESTS for exchange in lost)
    verdict = judged(bad, declined=declined, examples=_examples(session, targets), notes=tuple(notes))
    verdict = replace(verdict, slices=_curve(targets, objective.alpha))
    if verdict.status is Status.PASS and judged(bad + unproven).status is not Status.PASS:
        why = masked or "no row changed their scores"
        why = f"{bad} of {len(targets)} inputs were not robust; that {unproven} held proves nothing: {why}"
        return replace(verdict, status=Status.INCONCLUSIVE, reason=why)
    return verdict


def _curve(targets: Sequence[_Target], alpha: float) -> tuple[Slice, ...]:
    """Robust accuracy after so many rows an input; the last row of the longest search is always on it."""
    most, n = max(target.queries for target in targets), len(targets)
    slices = []
    for rows in sorted({*(step for step in _STEPS if step < most), most}):
        bad = sum(target.state != "robust" and target.queries <= rows for target in targets)
        slices.append(right_share(f"after {rows} rows", bad, n, alpha))
    return tuple(slices)


def _examples(session: Session, targets: Sequence[_Target]) -> tuple[Counterexample, ...]:
    """The confirmed findings that took fewest rows, then a row without an answer, then a flaky finding."""
    confirmed = sorted((t for t in targets if t.finding), key=lambda t: t.queries)[:_SHOWN]
    findings = [(t, t.finding) for t in confirmed] + [(t, t.flaky) for t in targets if t.flaky][:1]
    shown = [_example(session, target, finding) for target, finding in findings if finding]
    for number, exchange in [(t.number, t.lost) for t in targets if t.lost][:1]:
        shown.append(session.show(f"input {number}: no valid answer, twice ({exchange.outcome})", exchange))
    return tuple(shown)


def _example(session: Session, target: _Target, finding: Finding) -> Counterexample:
    state = "confirmed" if finding.confirmed else "flaky"
    said = f"{state}: input {target.number} (label {target.criterion.label}) was answered {finding.answered} after "
    said += f"{finding.queries} rows, at a distance of {finding.distance:g}"
    shown = session.show(said, finding.exchange)
    more = {"input": target.number, "original": list(target.task.row), "distance": finding.distance}
    return replace(shown, request={**(shown.request or {}), **more}, seed=session.settings.seed)
