"""Ask inputs and their changed twins, count those whose answers break a relation, and make one of them small.

Tested in tests/robustness/test_relations.py.
"""

from __future__ import annotations

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
from harness.core.relation import Reading, Relation, RelationKind
from harness.core.verdict import Counterexample
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
    broke the relation, twice each. `unjudged` says why others show nothing.
    """

    rows: int = 0
    unchanged: int = 0
    judged: int = 0
    broken: int = 0
    unjudged: tuple[str, ...] = ()
    examples: tuple[Counterexample, ...] = ()


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
        self.change, self.is_whole = self.kind.changes[name], name in self.kind.whole
        self.rows = Rows(session)
        source = session.settings.data.dataset if session.settings.data else None
        self.names = source.names if source and isinstance(data[0], list) else ()

    def run(self, chosen: Sequence[int], seed: int) -> RelationResult:
        """Ask each chosen input and its twin; those that break the relation a second time. Raises `HarnessError`."""
        pairs = []
        for number in chosen:
            row = self.data[number]
            changed = self.change(row, self.relation, random.Random(f"{seed} {number} relation"), self.data)
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
        return RelationResult(len(chosen), unchanged, judged - lost, len(confirmed), why_not, tuple(examples))

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
        problem = self.kind.find_violation(*readings, self.relation)
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
            pair = self._ask([one, other])
            found_problem, _ = self._compare(*pair)
            if found_problem:
                problem, exchange = found_problem, pair[1]
            return bool(found_problem)

        row, changed = shrink_change(row, changed, breaks, is_whole=self.is_whole)
        what = f"row {number}, changed from {shorten(row)} to {shorten(changed)}"
        if not isinstance(row, str):
            what = f"row {number}, with {describe_difference(row, changed, self.names)}"
        return self.session.show(f"{what}: {problem}", exchange)


def shrink_change(
    row: Any, changed: Any, breaks: Callable[[Any, Any], bool], *, is_whole: bool = False
) -> tuple[Any, Any]:
    """Input and changed input with every single change taken back, and every word left out, that is not needed.

    A change that `is_whole` is not taken back in part: the rest would be another input, and no twin.
    """
    split = isinstance(row, str)
    one: Any = row.split(" ") if split else row
    other: Any = changed.split(" ") if split else changed
    if not isinstance(one, dict | list) or len(one) != len(other):
        return row, changed

    def join(part: Any) -> Any:
        return " ".join(part) if split else part

    if isinstance(one, dict) and list(one) != list(other):
        return row, changed
    for key in list_keys(one):
        if one[key] != other[key] and not is_whole:
            trial = {**other, key: one[key]} if isinstance(other, dict) else [*other[:key], one[key], *other[key + 1 :]]
            if breaks(row, join(trial)):
                other = trial
    for place in reversed(range(len(one) if split else 0)):
        shorter, shorter_other = [*one[:place], *one[place + 1 :]], [*other[:place], *other[place + 1 :]]
        if len(one) > 1 and breaks(join(shorter), join(shorter_other)):
            one, other = shorter, shorter_other
    return join(one), join(other)


def list_keys(row: Any) -> list[Any]:
    """The names of the fields of an object, or the places of a list."""
    if isinstance(row, dict):
        return list(row)
    return list(range(len(row)))


def describe_difference(row: Any, changed: Any, names: Sequence[str] = ()) -> str:
    """The features that differ, in words; `names` are those of the places of a list, where it has some."""
    parts = []
    for key in list_keys(row):
        if row[key] != changed[key]:
            parts.append(f"{names[key] if names else key} from {shorten(row[key])} to {shorten(changed[key])}")
    return (
        ", ".join(parts[:5]) + (f" and {len(parts) - 5} more" if len(parts) > 5 else "")
        or "its fields in another order"
    )


def shorten(value: Any) -> str:
    """The value as it is written, at most 80 characters of it."""
    return f"{value!r:.80}"


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
