"""Each of several concurrent requests gets its own answer, streamed or not."""

from __future__ import annotations

import random

from harness.checks.bad_input.ordinary_inputs import shows_hang
from harness.checks.control import Control
from harness.checks.isolation import crosstalk
from harness.core.exchange import Exchange
from harness.run.asking_in_turn import ask_in_turn
from harness.run.valid_inputs import Rows
from harness.suite import Session, Verdict, check

_INPUTS, ROUNDS = 8, 4
_REQUESTS = _INPUTS * (2 + ROUNDS)


def _judge_concurrent(ai_client: Session, *, stream: bool) -> Verdict:
    rows = Rows(ai_client)
    inputs = rows.draw_distinct(_INPUTS)
    queries = [rows.query([row], stream=stream) for row in inputs]
    asked = ask_in_turn(ai_client.ask, queries * 2)
    first, again = asked[: len(queries)], asked[len(queries) :]
    marks: list[str] = []
    if rows.has_codes and not ai_client.promises.deterministic:
        marks = [row.split()[-1] for row in inputs]  # the code that a prompt asks for
    control = Control(first, again, marks)
    shown, _ = crosstalk.select_shown_inputs(control)
    rounds: list[list[tuple[int, Exchange]]] = []
    generator = random.Random(ai_client.settings.seed)
    for _ in range(ROUNDS if shown else 0):
        order = generator.sample(range(len(queries)), len(queries))
        exchanges = ai_client.ask_many([queries[number] for number in order], concurrency=_INPUTS)
        rounds.append(list(zip(order, exchanges, strict=True)))
        if any(map(shows_hang, exchanges)):
            break
    return crosstalk.judge_own_answers(control, rounds, ai_client.show)


@check("concurrent requests get their own answers", requests=_REQUESTS, tokens=16 * _REQUESTS)
def test_own_answers(ai_client: Session) -> Verdict:
    return _judge_concurrent(ai_client, stream=False)


@check("concurrent streams get their own answers", needs=("streaming",), requests=_REQUESTS, tokens=16 * _REQUESTS)
def test_own_streams(ai_client: Session) -> Verdict:
    return _judge_concurrent(ai_client, stream=True)
