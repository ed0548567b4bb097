"""Idempotency: a request with a key that was used before is answered from the first one, and not carried out again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.checks.alike import difference, said
from harness.checks.common import Show, not_judged, told
from harness.core.exchange import Exchange
from harness.core.verdict import Case, Verdict, contract, inconclusive

DECLINED = (429, 503)
UNDER_WAY = 409
"""With which a repeat may be refused while the first is carried out (draft-ietf-httpapi-idempotency-key-header)."""


def identifier(exchange: Exchange) -> str | None:
    """The id of the answer in its body, which tells one carrying out from another; None: it states none."""
    value: Any = exchange.answer.value if exchange.answer else None
    found = value.get("id") if isinstance(value, Mapping) else None
    return found if isinstance(found, str) and found else None


def kept(
    first: Exchange,
    again: Exchange,
    together: Sequence[Exchange],
    other_key: Exchange,
    other_body: Exchange,
    own: Exchange,
    show: Show,
) -> Verdict:
    """One key and one body have one answer, whether one after another or side by side; another key has its own.

    `other_body` came with the first key: it is refused with a 4xx, or has the first answer, and never one of its own;
    `own` is what that body is answered without a key. What the answers cannot show (no id stands in them, both bodies
    have one answer) is said in the notes and not judged.
    """
    if broken := not_judged(first, again, *together, other_key, other_body, own):
        return broken
    for exchange in (first, other_key, own):
        if not exchange.ok or exchange.answer is None:
            return inconclusive(f"a valid request has no answer to compare with: {told(exchange)}", n=0)
    notes = []
    cases = [_repeated("again", first, again, show)]
    answered = [each for each in together if each.ok]
    for number, exchange in enumerate(together):
        name = f"side by side {number}"
        if exchange.status == UNDER_WAY and answered:
            cases.append(Case(name))
        else:
            cases.append(_repeated(name, answered[0] if answered else together[0], exchange, show))
    if identifier(first) is None or identifier(other_key) is None:
        notes.append("another key: no id stands in the answers, so nothing tells whether it was carried out anew")
    else:
        same = identifier(first) == identifier(other_key)
        what = f"another key has the answer of the first: id {identifier(first)!r}"
        cases.append(Case("another key", show(what, other_key) if same else None))
    if difference(said(first.answer), said(own.answer)) is None and identifier(first) is None:
        notes.append("another body: it has the first one's answer anyway, so nothing shows which of them was given")
    else:
        cases.append(_other_body(first, other_body, show))
    if len(notes) == 2:
        return (
            inconclusive("; ".join(notes), n=0)
            if not any(case.counterexample for case in cases)
            else contract(cases, "")
        )
    holds = f"one key has one answer: {len(cases)} repeats were told from new requests"
    return contract(cases, holds, distinct=len(cases)).with_notes(*notes)


def _repeated(name: str, first: Exchange, again: Exchange, show: Show) -> Case:
    if again.status in DECLINED:
        return Case(name, unjudged=f"declined: {told(again)}")
    problem = ""
    if not again.ok:
        problem = f"a repeat with its key fails: {told(again)}"
    elif identifier(first) != identifier(again):
        problem = f"a repeat is carried out again: its id is {identifier(again)!r}, and was {identifier(first)!r}"
    elif parts := difference(said(first.answer), said(again.answer), absolute=0.0, relative=0.0):
        problem = f"a repeat has another answer: {parts}"
    return Case(name, show(f"{name}: {problem}", again) if problem else None)


def _other_body(first: Exchange, found: Exchange, show: Show) -> Case:
    name = "another body"
    if found.status in DECLINED:
        return Case(name, unjudged=f"declined: {told(found)}")
    if found.status is not None and 400 <= found.status < 500:
        return Case(name)
    if found.ok and identifier(found) == identifier(first) and not difference(said(first.answer), said(found.answer)):
        return Case(name)
    what = f"another body under a used key is neither refused nor has the first answer: {told(found)}"
    return Case(name, show(what, found))


def reuse_refused(first: Exchange, other_body: Exchange, show: Show) -> Verdict:
    """Another body under a used key is refused with a 4xx: the first one's answer would be a wrong one, unnoticed."""
    if broken := not_judged(first, other_body):
        return broken
    if not first.ok or other_body.status in DECLINED:
        return inconclusive(f"nothing can be told: {told(other_body if first.ok else first)}", n=0)
    refused = other_body.status is not None and 400 <= other_body.status < 500
    what = f"another body under a used key is not refused: {told(other_body)}"
    case = Case("another body", None if refused else show(what, other_body))
    return contract([case], f"another body under a used key is refused with {other_body.status}")
