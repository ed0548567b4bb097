"""Requests side by side each get their own answer, whole or streamed."""

from __future__ import annotations

import random

from harness.checks.comparison import alone
from harness.checks.isolation import crosstalk
from harness.core.exchange import Exchange
from harness.run.valid_inputs import Rows
from harness.suite import Session, Verdict, check

_INPUTS, ROUNDS = 8, 4
_REQUESTS = _INPUTS * (2 + ROUNDS)


def _asked(ai_client: Session, *, stream: bool) -> Verdict:
    rows = Rows(ai_client)
    given = rows.distinct(_INPUTS)
    queries = [rows.query([row], stream=stream) for row in given]
    first, again = ([ai_client.ask(query) for query in queries] for _ in range(2))
    rounds: list[list[tuple[int, Exchange]]] = []
    chosen = random.Random(ai_client.settings.seed)
    for _ in range(0 if alone(first, again)[1] else ROUNDS):
        order = chosen.sample(range(len(queries)), len(queries))
        found = ai_client.ask_many([queries[own] for own in order], concurrency=_INPUTS)
        rounds.append(list(zip(order, found, strict=True)))
    worded = rows.coded and not ai_client.promises.deterministic
    marks = [row.split()[-1] for row in given] if worded else []  # the code that a prompt asks for
    return crosstalk.own_answers(first, again, rounds, ai_client.show, marks)


@check("concurrent requests get their own answers", requests=_REQUESTS, tokens=16 * _REQUESTS)
def test_own_answers(ai_client: Session) -> Verdict:
    return _asked(ai_client, stream=False)


@check("concurrent streams get their own answers", needs=("streaming",), requests=_REQUESTS, tokens=16 * _REQUESTS)
def test_own_streams(ai_client: Session) -> Verdict:
    return _asked(ai_client, stream=True)
