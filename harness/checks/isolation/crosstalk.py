"""Concurrent requests: each gets its own answer, the one it gets alone, and nobody else's."""

from __future__ import annotations

from collections.abc import Sequence

from harness.checks.common import Show, case, declined, judge, told
from harness.checks.comparison import alone, owner_of, parts_of, said
from harness.core.exchange import Exchange
from harness.core.verdict import Verdict, judge_contract, make_inconclusive


@judge
def own_answers(
    first: Sequence[Exchange],
    again: Sequence[Exchange],
    rounds: Sequence[Sequence[tuple[int, Exchange]]],
    show: Show,
    marks: Sequence[str] = (),
) -> Verdict:
    """Every answer given side by side equals the solo answer to its own request.

    `first` and `again` are the inputs asked alone; a round holds (input, exchange) of requests sent side by side. An
    answer that is another request's is named cross-talk. What is declined with 429 or 503 is unjudged. `marks` are
    given, one an input, where the service does not promise to be deterministic: a language model may word an answer
    otherwise in a batch of another size, and a text that holds its own mark and no other's is its own.
    """
    beside = [each for round_ in rounds for each in round_]
    kept, why = alone(first, again)
    if why:
        return make_inconclusive(why, n=0)
    if not beside:
        return make_inconclusive("nothing was asked side by side", n=0)
    answers = [said(exchange.answer) for exchange in first]
    cases = []
    for number, (own, exchange) in enumerate(beside):
        name = f"request {number} (input {own})"
        problem = _problem(own, exchange, answers, marks)
        cases.append(case(name, exchange, problem and f"{name}: {problem}", show, declined(exchange)))
    what = f"{len(beside)} requests in {len(rounds)} rounds side by side each got their own answer"
    return judge_contract(cases, what, distinct=len(kept))


def _problem(own: int, exchange: Exchange, answers: Sequence[object], marks: Sequence[str]) -> str | None:
    if not exchange.ok:
        return f"it fails beside others: {told(exchange)}"
    got = said(exchange.answer)
    parts = parts_of(answers[own], got)
    held = [mark for mark in marks if isinstance(got, str) and mark in got]
    if parts is None or (held and held == [marks[own]]):
        return None
    if (owner := owner_of(got, answers)) is not None:
        return f"cross-talk: it got the answer to input {owner}"
    return f"wrong answer under concurrency: {parts}"
