"""Idempotency: a request with a key that was used before is answered from the first one, and not carried out again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.checks.common import Show, case, clearly_refused, declined, judge, told
from harness.checks.comparison import difference, said
from harness.core.exchange import Exchange
from harness.core.verdict import Case, Verdict, judge_contract, make_inconclusive

UNDER_WAY = 409
"""With which a repeat may be refused while the first is carried out (draft-ietf-httpapi-idempotency-key-header)."""


def identifier(exchange: Exchange) -> str | None:
    """The id of the answer in its body, which tells one carrying out from another; None: it states none."""
    value: Any = exchange.answer.value if exchange.answer else None
    found = value.get("id") if isinstance(value, Mapping) else None
    return found if isinstance(found, str) and found else None


@dataclass(frozen=True, slots=True)
class Keyed:
    """A body under a key, `again` under it and, under another key, `together` side by side.

    `other_body` came with the first key; `own` is what that body is answered without a key.
    """

    first: Exchange
    again: Exchange
    together: Sequence[Exchange]
    other_body: Exchange
    own: Exchange


@judge
def kept(found: Keyed, show: Show) -> Verdict:
    """One key and one body have one answer, whether one after another or side by side; another key has its own.

    Another body under the first key is refused with a 4xx, or has the first answer, and never one of its own. What the
    answers cannot show (no id stands in them, both bodies have one answer) is said in the notes and not judged.
    """
    first, together, own = found.first, found.together, found.own
    answered = [each for each in together if each.ok]
    other_key = (answered or together)[0]
    for exchange in (first, other_key, own):
        if not exchange.ok or exchange.answer is None:
            return make_inconclusive(f"a valid request has no answer to compare with: {told(exchange)}", n=0)
    notes = []
    cases = [_repeated("again", first, found.again, show)]
    for number, exchange in enumerate(together):
        name = f"side by side {number}"
        if exchange.status == UNDER_WAY and answered:
            cases.append(Case(name))
        else:
            cases.append(_repeated(name, other_key, exchange, show))
    if identifier(first) is None or identifier(other_key) is None:
        notes.append("another key: no id stands in the answers, so nothing tells whether it was carried out anew")
    else:
        same = identifier(first) == identifier(other_key)
        what = f"another key has the answer of the first: id {identifier(first)!r}"
        cases.append(case("another key", other_key, what if same else "", show))
    if difference(said(first.answer), said(own.answer)) is None and identifier(first) is None:
        notes.append("another body: it has the first one's answer anyway, so nothing shows which of them was given")
    else:
        cases.append(_other_body(first, found.other_body, show))
    if len(notes) == 2:
        broken = any(each.counterexample for each in cases)
        return judge_contract(cases, "") if broken else make_inconclusive("; ".join(notes), n=0)
    holds = f"one key has one answer: {len(cases)} repeats were told from new requests"
    return judge_contract(cases, holds, distinct=len(cases)).with_notes(*notes)


def _repeated(name: str, first: Exchange, again: Exchange, show: Show) -> Case:
    problem = ""
    if not again.ok:
        problem = f"a repeat with its key fails: {told(again)}"
    elif identifier(first) != identifier(again):
        problem = f"a repeat is carried out again: its id is {identifier(again)!r}, and was {identifier(first)!r}"
    elif parts := difference(said(first.answer), said(again.answer), absolute=0.0, relative=0.0):
        problem = f"a repeat has another answer: {parts}"
    return case(name, again, problem and f"{name}: {problem}", show, declined(again))


def _other_body(first: Exchange, found: Exchange, show: Show) -> Case:
    same = found.ok and identifier(found) == identifier(first)
    right = clearly_refused(found) or (same and not difference(said(first.answer), said(found.answer)))
    problem = f"another body under a used key is neither refused nor has the first answer: {told(found)}"
    return case("another body", found, "" if right else problem, show, declined(found))


@judge
def reuse_refused(found: Keyed, show: Show) -> Verdict:
    """Another body under a used key is refused with a 4xx: the first one's answer would be a wrong one, unnoticed."""
    first, other_body = found.first, found.other_body
    if not first.ok or declined(other_body):
        return make_inconclusive(f"nothing can be told: {told(other_body if first.ok else first)}", n=0)
    problem = "" if clearly_refused(other_body) else f"another body under a used key is not refused: {told(other_body)}"
    holds = f"another body under a used key is refused with {other_body.status}"
    return judge_contract([case("another body", other_body, problem, show)], holds)
