"""Each of several concurrent requests gets its own answer, streamed or not, and what else belongs to it."""

from __future__ import annotations

import random
from functools import partial

from harness.checks.bad_input.ordinary_inputs import shows_hang
from harness.checks.bad_input.requests import BadRequest
from harness.checks.common import find_failed
from harness.checks.control import Control
from harness.checks.isolation import crosstalk, own_parts
from harness.core.exchange import Exchange, Query, Request
from harness.core.verdict import Status, choose_worst
from harness.run.asking_in_turn import ask_in_turn
from harness.run.valid_inputs import Rows
from harness.suite import Session, Verdict, check, mutate

from .company import CarriedQuery, make_bad_neighbours, make_carriers
from .control_inputs import MOST_ASKED_LATER, ask_later

_INPUTS, ROUNDS = 8, 4
_BAD = 4
"""Bad requests among those of each of the last rounds."""
_WITH_BAD, _MORE_WITH_BAD = 2, 8
"""Rounds with bad requests, and those that follow where an answer in them failed and in no round before."""
_REQUESTS = _INPUTS * (2 + ROUNDS + _MORE_WITH_BAD) + _BAD * (_WITH_BAD + _MORE_WITH_BAD) + MOST_ASKED_LATER
_CARRIERS, _CARRIER_ROUNDS = 6, 3
_PART_REQUESTS = _CARRIERS * (3 + _CARRIER_ROUNDS)

_SWAPPED = (mutate("swap_answers", wait=50), mutate("other_answer", skip=2 * _INPUTS))


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
    beside: list[str] = []
    bad = make_bad_neighbours(ai_client, queries[0], _BAD * _WITH_BAD) if shown else []
    generator = random.Random(ai_client.settings.seed)
    planned = ROUNDS if shown else 0
    turn = 0
    while turn < planned:
        order = generator.sample(range(len(queries)), len(queries))
        guests = bad[turn % _WITH_BAD :: _WITH_BAD] if turn >= ROUNDS - _WITH_BAD else []
        exchanges, hangs = _ask_beside(ai_client, [queries[number] for number in order], guests)
        rounds.append(list(zip(order, exchanges, strict=True)))
        beside.append(f"bad requests ({', '.join(guest.name for guest in guests)})" if guests else "")
        turn = planned if hangs else turn + 1
        if turn == ROUNDS and _fails_beside_bad_alone(rounds, beside):
            # What strikes by chance is seen more clearly the more often it can.
            planned = ROUNDS + _MORE_WITH_BAD
    later = ask_later(ai_client, queries, control, rounds)
    return crosstalk.judge_own_answers(control, rounds, ai_client.show, beside, later=later)


def _fails_beside_bad_alone(rounds: list[list[tuple[int, Exchange]]], beside: list[str]) -> bool:
    """Whether an answer failed in a round with bad requests, and none in a round without."""
    failing = [words for round_, words in zip(rounds, beside, strict=True) if _has_failed(round_)]
    return bool(failing) and all(failing)


def _has_failed(round_: list[tuple[int, Exchange]]) -> bool:
    return find_failed(exchange for _, exchange in round_) is not None


def _ask_beside(ai_client: Session, queries: list[Query], guests: list[BadRequest]) -> tuple[list[Exchange], bool]:
    """The answers to the queries, with the guests sent among them; and whether any of all these hung.

    No more are in flight with guests than without.
    """
    mixed: list[Query | Request] = list(queries)
    for place, guest in enumerate(guests):
        mixed.insert(1 + 2 * place, guest.request)
    exchanges = ai_client.ask_many(mixed, concurrency=_INPUTS)
    answers = [exchange for sent, exchange in zip(mixed, exchanges, strict=True) if isinstance(sent, Query)]
    return answers, any(map(shows_hang, exchanges))


def _judge_parts(ai_client: Session) -> Verdict:
    """What else belongs to each request: side by side, requests that each carry something of their own."""
    promised = ai_client.promises.deterministic
    prepared = make_carriers(ai_client, Rows(ai_client), _CARRIERS)
    asked = ask_in_turn(partial(_ask_carrier, ai_client), prepared * 2)
    carriers = [own_parts.Carrier(one.words, *asked[place :: len(prepared)]) for place, one in enumerate(prepared)]
    rounds: list[list[tuple[int, Exchange]]] = []
    generator = random.Random(ai_client.settings.seed)
    while len(rounds) < _CARRIER_ROUNDS and all(exchange.ok for exchange in asked):
        order = generator.sample(range(len(prepared)), len(prepared))
        queries, lines = [prepared[place].query for place in order], [prepared[place].headers for place in order]
        exchanges = ai_client.ask_many(queries, concurrency=len(prepared), headers=lines)
        rounds.append(list(zip(order, exchanges, strict=True)))
        if any(map(shows_hang, exchanges)):
            break
    return own_parts.judge_own_parts(carriers, rounds, ai_client.show, deterministic=promised)


def _ask_carrier(ai_client: Session, carried: CarriedQuery) -> Exchange:
    return ai_client.ask(carried.query, headers=carried.headers)


@check(
    "concurrent requests get their own answers",
    requests=_REQUESTS + _PART_REQUESTS,
    tokens=16 * (_REQUESTS + 3 * _PART_REQUESTS),
    answers=_REQUESTS + 3 * _PART_REQUESTS,
    broken_by=_SWAPPED,
)
def test_own_answers(ai_client: Session) -> Verdict:
    verdict = _judge_concurrent(ai_client, stream=False)
    if verdict.status is Status.FAIL or any(map(shows_hang, ai_client.recent)):
        return verdict
    parts = _judge_parts(ai_client)
    return (
        choose_worst([verdict, parts])
        if parts.status in (Status.FAIL, Status.ERROR)
        else verdict.with_notes(parts.reason)
    )


@check(
    "concurrent streams get their own answers",
    needs=("streaming",),
    requests=_REQUESTS,
    tokens=16 * _REQUESTS,
    broken_by=_SWAPPED,
)
def test_own_streams(ai_client: Session) -> Verdict:
    return _judge_concurrent(ai_client, stream=True)
