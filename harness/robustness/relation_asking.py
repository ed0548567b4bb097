"""Ask inputs and their changed twins, count those whose answers break a relation, and make one of them small.

Tested in tests/robustness/test_relations.py.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any

from harness.checks.common import TOO_MANY_REQUESTS, explain_decline, find_harness_error, is_clear_refusal
from harness.core.errors import HarnessError
from harness.core.exchange import Exchange
from harness.core.measurement import Measurement, Scope
from harness.core.plan import Cost
from harness.core.registry import load_plugin
from harness.core.relation import Draws, InputChange, Reading, Relation, RelationKind
from harness.core.verdict import Counterexample
from harness.io.user_function import load_function
from harness.robustness.relation_search import CONFIRMING, PairSearch, is_searched
from harness.robustness.relation_shrinking import describe_difference, shorten, shrink_change
from harness.run.gate_run import GateRun
from harness.run.oracle import read_rows
from harness.run.rate_judging import skip_repeated_rows
from harness.run.session import Session
from harness.run.valid_inputs import Rows

_CONCURRENCY, _SHRINKING = 4, 80
"""Requests in flight; those that making a counterexample smaller may take."""


@dataclass(frozen=True, slots=True)
class RelationResult:
    """How a relation held: the content of `validation/relation-NAME.json`.

    Of `rows` inputs `unchanged` could not be changed so; `judged` pairs of answers were compared, and `broken` of them
    broke the relation, twice each. `unjudged` says why others show nothing. Where none was broken, `searched` further
    pairs were drawn by Hypothesis, and `drawn` is the smallest of those that broke it.
    """

    rows: int = 0
    unchanged: int = 0
    judged: int = 0
    broken: int = 0
    unjudged: tuple[str, ...] = ()
    examples: tuple[Counterexample, ...] = ()
    searched: int = 0
    drawn: Counterexample | None = None


def read_reading(exchange: Exchange, relation: Relation) -> Reading:
    """What an answer to one input says, as the relation compares it."""
    answer = exchange.answer
    if answer is None:
        return Reading()
    named = answer.outputs.get(str(relation.output))
    while isinstance(named, list) and len(named) == 1:
        named = named[0]
    if isinstance(named, int | float):
        return Reading(score=float(named), content=exchange.content)
    if answer.text is not None:
        text = answer.text.strip()
        return Reading(label=text or None, score=_read_number(text), content=text or None)
    predictions = read_rows(answer, 1)
    scores = predictions[0].scores if predictions else None
    if scores and isinstance(relation.output, int) and relation.output < len(scores):
        return Reading(predictions[0].label if predictions else None, scores[relation.output], exchange.content)
    score = _find_only_number(answer.outputs)
    is_label = predictions and (scores or score is None or score.is_integer())
    return Reading(predictions[0].label if predictions and is_label else None, score, exchange.content)


def _read_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _find_only_number(outputs: Any) -> float | None:
    numbers = []
    for value in outputs.values():
        while isinstance(value, list) and len(value) == 1:
            value = value[0]
        if type(value) in (int, float):
            numbers.append(float(value))
    if len(numbers) != 1:
        return None
    return numbers[0]


class RelationAsker:
    """Asks for one relation over the rows of the data."""

    def __init__(self, session: Session, relation: Relation, data: Sequence[Any]) -> None:
        self.session, self.relation, self.data = session, relation, data
        self.kind: RelationKind = load_plugin("relations", relation.kind).RELATION
        name = relation.change or next(iter(self.kind.changes))
        self.change = self.kind.changes[name] if name in self.kind.changes else _load_change(name)
        self.is_whole, self.is_graded = name in self.kind.whole, name in self.kind.graded
        self.find_violation = _load_rule(relation.holds) if relation.holds else self.kind.find_violation
        self.rows = Rows(session)
        source = session.settings.data.dataset if session.settings.data else None
        self.names = source.names if source and isinstance(data[0], list) else ()

    def run(self, chosen: Sequence[int], seed: int) -> RelationResult:
        """Ask each chosen input and its twin; those that break the relation a second time. Raises `HarnessError`."""
        pairs = []
        for number in chosen:
            row, changed = self._change(number, random.Random(f"{seed} {number} relation"))
            if changed is not None:
                pairs.append((number, row, changed))
        asked = self._ask(list(chain.from_iterable(pair[1:] for pair in pairs)))
        broken, unjudged, judged = [], list[str](), 0
        for place, (number, row, changed) in enumerate(pairs):
            problem, why = self._compare(asked[2 * place], asked[2 * place + 1])
            if problem:
                broken.append((number, row, changed, problem, asked[2 * place + 1]))
            if why:
                unjudged.append(why)
            judged += not why
        confirmed = self._confirm(broken)
        lost = len(broken) - len(confirmed)
        if lost:
            unjudged += ["the service does not repeat itself: asked again, the relation held"] * lost
        examples = [self._show(*confirmed[0])] if confirmed else []
        unchanged = len(chosen) - len(pairs)
        why_not = tuple(dict.fromkeys(unjudged))
        result = RelationResult(len(chosen), unchanged, judged - lost, len(confirmed), why_not, tuple(examples))
        if broken or not judged or not is_searched(self.relation, self.session.settings):
            return result
        search = PairSearch(self._change, self._ask_pair, self.relation.search)
        drawn = search.find_smallest(chosen, f"{seed} {self.relation.slug}")
        confirmed = self._confirm([drawn]) if drawn else []
        return replace(result, searched=search.asked, drawn=self._show(*confirmed[0]) if confirmed else None)

    def _change(self, number: int, draws: Draws) -> tuple[Any, Any]:
        """The input of this number and its twin, None for one that cannot be changed so."""
        return self.data[number], self.change(self.data[number], self.relation, draws, self.data)

    def _ask_pair(self, row: Any, changed: Any) -> tuple[str, Exchange]:
        """How two inputs break the relation, empty where they do not, and the answer to the second."""
        pair = self._ask([row, changed])
        return self._compare(*pair)[0], pair[1]

    def _ask(self, inputs: Sequence[Any]) -> list[Exchange]:
        queries = [self.rows.query([row]) for row in inputs]
        exchanges = self.session.ask_many(queries, concurrency=_CONCURRENCY)
        if unreached := find_harness_error(*exchanges):
            raise HarnessError(unreached.reason)
        return exchanges

    def _compare(self, before: Exchange, after: Exchange) -> tuple[str, str]:
        """How two answers break the relation, or why they show nothing."""
        if not before.ok:
            return "", f"the unchanged input has no answer: {before.outcome}"
        if not after.ok:
            if is_clear_refusal(after):
                return "", explain_decline(
                    after, (TOO_MANY_REQUESTS,)
                ) or f"the changed input is refused: {after.outcome}"
            return f"the changed input has no answer: {after.outcome}", ""
        readings = read_reading(before, self.relation), read_reading(after, self.relation)
        problem = self.find_violation(*readings, self.relation)
        return problem or "", "the answers hold nothing to compare" if problem is None else ""

    def _confirm(self, broken: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Those that break the relation when both inputs are asked again."""
        again = self._ask(list(chain.from_iterable(case[1:3] for case in broken)))
        return [case for place, case in enumerate(broken) if self._compare(again[2 * place], again[2 * place + 1])[0]]

    def _show(self, number: int, row: Any, changed: Any, problem: str, exchange: Exchange) -> Counterexample:
        """The counterexample with as little of the change, and of a text, as still breaks the relation."""
        left = _SHRINKING

        def breaks(one: Any, other: Any) -> bool:
            nonlocal left, problem, exchange
            if left < 2 or one == other:
                return False
            left -= 2
            new_problem, answer = self._ask_pair(one, other)
            if new_problem:
                problem, exchange = new_problem, answer
            return bool(new_problem)

        row, changed = shrink_change(row, changed, breaks, is_whole=self.is_whole, is_graded=self.is_graded)
        what = f"row {number}, changed from {shorten(row)} to {shorten(changed)}"
        if not isinstance(row, str):
            what = f"row {number}, with {describe_difference(row, changed, self.names)}"
        return self.session.show(f"{what}: {problem}", exchange)


def _load_change(name: str) -> InputChange:
    """The user's function(input, random), which returns the changed input, or None. Raises `UsageError`."""
    function = load_function(name, "[[relation]] change")

    def change(row: Any, relation: Relation, draws: Draws, rows: Sequence[Any]) -> Any:
        return _call(name, function, copy.deepcopy(row), draws)

    return change


def _load_rule(name: str) -> Callable[[Reading, Reading, Relation], str | None]:
    """The user's function(before, after), which returns True, or False, or how the answer broke the relation."""
    function = load_function(name, "[[relation]] holds")

    def find_violation(before: Reading, after: Reading, relation: Relation) -> str | None:
        outcome = _call(name, function, before.content, after.content)
        if isinstance(outcome, str):
            return outcome
        if isinstance(outcome, bool):
            return "" if outcome else f"{name} says that it does not hold"
        if outcome is None:
            return None
        raise HarnessError(f"{name} returned {outcome!r:.60}; return True, False, None, or how it was broken")

    return find_violation


def _call(name: str, function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except Exception as error:
        raise HarnessError(f"{name} broke: {type(error).__name__}: {error}") from error


def choose_inputs(scope: Scope) -> list[int]:
    """Distinct rows of the data for the relation, drawn by the seed."""
    data = scope.settings.data
    if data is None or data.dataset is None or not isinstance(scope.case, Relation):
        return []
    order = list(range(len(data.dataset.inputs)))
    random.Random(f"{scope.settings.seed} {scope.case.slug}").shuffle(order)
    return list(islice(skip_repeated_rows(replace(data.dataset, labels=None), order), scope.case.rows))


def _compute_cost(scope: Scope) -> Cost:
    requests = 4 * len(choose_inputs(scope)) + _SHRINKING
    if isinstance(scope.case, Relation) and is_searched(scope.case, scope.settings):
        requests += 2 * scope.case.search + CONFIRMING
    return Cost(requests, scope.tokens_per_answer * requests)


def _ask_relation(scope: Scope, session: Session, run: GateRun) -> RelationResult:
    data = scope.settings.data
    assert data is not None
    assert data.dataset is not None
    assert isinstance(scope.case, Relation)
    relation = replace(scope.case, features=data.dataset.find_features(scope.case.features))
    return RelationAsker(session, relation, data.dataset.inputs).run(choose_inputs(scope), scope.settings.seed)


def _name_file(scope: Scope) -> str:
    return f"{scope.suite}/relation-{scope.case.slug if isinstance(scope.case, Relation) else ''}"


RELATED_ROWS = Measurement(RelationResult, _compute_cost, _name_file, _ask_relation)
"""The inputs and changed inputs of one relation."""
