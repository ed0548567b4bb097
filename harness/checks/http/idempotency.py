"""Idempotency: a request with a key that was used before gets the first request's answer, and is not executed again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.checks.common import Show, explain_decline, has_counterexample, is_clear_refusal, judge, judge_case
from harness.checks.comparison import find_difference
from harness.core.exchange import Exchange
from harness.core.verdict import Case, Verdict, judge_contract, make_inconclusive

_IN_PROGRESS = 409
"""The refusal of a repeat while the first request is in progress (draft-ietf-httpapi-idempotency-key-header)."""


def _read_answer_id(exchange: Exchange) -> str | None:
    """The id in the answer's body, which differs between two executions; None: it states none."""
    value: Any = exchange.answer.value if exchange.answer else None
    identifier = value.get("id") if isinstance(value, Mapping) else None
    return identifier if isinstance(identifier, str) and identifier else None


@dataclass(frozen=True, slots=True)
class KeyedExchanges:
    """Requests with idempotency keys.

    `first` and `again` are one body under one key, and `together` the same body under another key, side by side.
    `other_body` is a second body under the first key, and `own` the same body without a key.
    """

    first: Exchange
    again: Exchange
    together: Sequence[Exchange]
    other_body: Exchange
    own: Exchange


@judge
def judge_repeats_under_key(keyed: KeyedExchanges, show: Show) -> Verdict:
    """One key and body have one answer, whether repeated later or at the same time; another key has its own answer.

    Another body under the first key is refused with a 4xx or gets the first answer, and never an answer of its own.
    The notes say what the answers cannot show (they contain no id, or both bodies have one answer): it is not judged.
    """
    first, together, own = keyed.first, keyed.together, keyed.own
    other_key = next((exchange for exchange in together if exchange.ok), together[0])
    for exchange in (first, other_key, own):
        if not exchange.ok or exchange.answer is None:
            return make_inconclusive(f"a valid request has no answer to compare with: {exchange.outcome}", n=0)
    notes = []
    cases = [_judge_repeat("again", first, keyed.again, show)]
    for number, exchange in enumerate(together):
        name = f"side by side {number}"
        if exchange.status == _IN_PROGRESS and other_key.ok:
            cases.append(Case(name))
        else:
            cases.append(_judge_repeat(name, other_key, exchange, show))
    first_id, other_id = _read_answer_id(first), _read_answer_id(other_key)
    if first_id is None or other_id is None:
        notes.append("another key: the answers contain no id, so nothing shows whether it was executed again")
    else:
        problem = f"another key has the answer of the first: id {first_id!r}" if first_id == other_id else ""
        cases.append(judge_case("another key", other_key, problem, show))
    if first_id is None and find_difference(first.content, own.content) is None:
        notes.append("another body: its own answer is that of the first body, so nothing shows which of them it got")
    else:
        cases.append(_judge_other_body(first, keyed.other_body, show))
    if len(notes) == 2 and not has_counterexample(cases):
        return make_inconclusive("; ".join(notes), n=0)
    if len(notes) == 2:
        return judge_contract(cases, "")
    return judge_contract(cases, _describe_repeats(keyed), distinct=len(cases)).with_notes(*notes)


def _describe_repeats(keyed: KeyedExchanges) -> str:
    """What the repeats show if nothing is wrong with them: without an id, nothing shows that they were not executed."""
    repeats = sum(exchange.ok for exchange in (keyed.again, *keyed.together)) - 1
    holds = f"one key has one answer: {repeats} repeats got the first answer"
    if _read_answer_id(keyed.first) is not None:
        holds += ", with its id, and were not executed again"
    if in_progress := sum(exchange.status == _IN_PROGRESS for exchange in keyed.together):
        holds += f"; {in_progress} were refused while the first was in progress"
    return holds


def _judge_repeat(name: str, first: Exchange, again: Exchange, show: Show) -> Case:
    problem, before, now = "", _read_answer_id(first), _read_answer_id(again)
    if not again.ok:
        problem = f"a repeat with its key fails: {again.outcome}"
    elif now != before:
        problem = f"a repeat is executed again: its id is {now!r}, and was {before!r}"
    elif difference := find_difference(first.content, again.content, absolute=0.0, relative=0.0):
        problem = f"a repeat has another answer: {difference}"
    return judge_case(name, again, problem and f"{name}: {problem}", show, explain_decline(again))


def _judge_other_body(first: Exchange, other: Exchange, show: Show) -> Case:
    problem = ""
    has_first_answer = other.ok and _read_answer_id(other) == _read_answer_id(first)
    has_first_answer = has_first_answer and find_difference(first.content, other.content) is None
    if not is_clear_refusal(other) and not has_first_answer:
        problem = f"another body under a used key is neither refused nor gets the first answer: {other.outcome}"
    return judge_case("another body", other, problem, show, explain_decline(other))


@judge
def judge_key_reuse(keyed: KeyedExchanges, show: Show) -> Verdict:
    """Another body under a used key is refused with a 4xx: the first answer would be wrong, and nobody would notice."""
    first, other_body = keyed.first, keyed.other_body
    if not first.ok:
        return make_inconclusive(f"the first request with the key has no valid answer: {first.outcome}", n=0)
    if why := explain_decline(other_body):
        return make_inconclusive(f"the other request with the key is {why}", n=0)
    problem = ""
    if not is_clear_refusal(other_body):
        problem = f"another body under a used key is not refused: {other_body.outcome}"
    holds = f"another body under a used key is refused with {other_body.status}"
    return judge_contract([judge_case("another body", other_body, problem, show)], holds)
