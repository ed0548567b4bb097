"""Concurrent requests: each gets its own answer, the one it gets alone, and nobody else's."""

from __future__ import annotations

from collections.abc import Sequence

from harness.checks.alike import Parts, alone, difference, said
from harness.checks.common import Show, not_judged, told
from harness.core.exchange import Exchange
from harness.core.verdict import Case, Verdict, contract, inconclusive

SHED = (429, 503)
"""Statuses with which a service may decline a request that it has no room for."""


def own_answers(
    first: Sequence[Exchange],
    again: Sequence[Exchange],
    rounds: Sequence[Sequence[tuple[int, Exchange]]],
    show: Show,
    marks: Sequence[str] = (),
    parts_of: Parts = difference,
) -> Verdict:
    """Every answer given side by side equals the solo answer to its own request.

    `first` and `again` are the inputs asked alone; a round holds (input, exchange) of requests sent side by side. An
    answer that is another request's is named cross-talk. What is declined with 429 or 503 is unjudged. `marks` are
    given, one an input, where the service does not promise to be deterministic: a language model may word an answer
    otherwise in a batch of another size, and a text that holds its own mark and no other's is its own.
    `parts_of` compares answers.
    """
    beside = [each for round_ in rounds for each in round_]
    if broken := not_judged(*first, *again, *(exchange for _, exchange in beside)):
        return broken
    kept, why = alone(first, again, parts_of)
    if why:
        return inconclusive(why, n=0)
    if not beside:
        return inconclusive("nothing was asked side by side", n=0)
    answers = [said(exchange.answer) for exchange in first]
    cases = []
    for number, (own, exchange) in enumerate(beside):
        name = f"request {number} (input {own})"
        if exchange.status in SHED:
            cases.append(Case(name, unjudged=f"declined: {told(exchange)}"))
            continue
        problem = _problem(own, exchange, answers, marks, parts_of)
        cases.append(Case(name, show(f"{name}: {problem}", exchange) if problem else None))
    what = f"{len(beside)} requests in {len(rounds)} rounds side by side each got their own answer"
    return contract(cases, what, distinct=len(kept))


def _problem(
    own: int, exchange: Exchange, answers: Sequence[object], marks: Sequence[str], parts_of: Parts
) -> str | None:
    if not exchange.ok:
        return f"it fails beside others: {told(exchange)}"
    got = said(exchange.answer)
    parts = parts_of(answers[own], got)
    held = [mark for mark in marks if isinstance(got, str) and mark in got]
    if parts is None or (held and held == [marks[own]]):
        return None
    owner = next((other for other, answer in enumerate(answers) if parts_of(answer, got) is None), None)
    if owner is not None:
        return f"cross-talk: it got the answer to input {owner}"
    return f"wrong answer under concurrency: {parts}"
