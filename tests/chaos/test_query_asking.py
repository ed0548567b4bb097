"""The queries of a run are chosen by what the service takes, and their right answers asked for before the load."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from harness.chaos.queries import RECALLED, REPEATED
from harness.chaos.query_asking import find_changed, find_forgetful, make_mark, prepare_queries
from harness.core.exchange import Answer
from harness.core.settings import Promises
from harness.reference.deployment import Deployment
from tests.chaos.chaosparts import Run
from tests.chaos.gatewayparts import Model, serve


def test_the_queries_of_a_chat_service(gate: Callable[..., Run], naive: Deployment) -> None:
    session, run = gate(url=naive.url)
    pool = prepare_queries(session, run)
    assert len(pool.known) == len({json.dumps(known.query.inputs) for known in pool.known}) == 8
    assert all(known.reference is not None and known.streamed for known in pool.known)
    assert all(pool.mark in json.dumps(known.query.inputs) for known in pool.known)
    assert pool.mark == make_mark(run, session)
    assert len(pool.mark) == 16
    assert [form.number for form in pool.echoes] == [REPEATED, RECALLED], "it repeats a code, and remembers one"
    assert pool.latency > 0
    assert pool.is_promised
    assert make_mark(gate(url=naive.url)[1], session) != pool.mark, "it is of this run alone"


def test_a_query_that_is_answered_otherwise_now_has_changed(gate: Callable[..., Run], naive: Deployment) -> None:
    session, run = gate(url=naive.url)
    pool = prepare_queries(session, run)
    assert find_changed(pool, session, run, [0, 1]) == set()
    other = replace(pool.known[1], reference=Answer("something else"))
    changed = replace(pool, known=(pool.known[0], other, *pool.known[2:]))
    assert find_changed(changed, session, run, [0, 1]) == {1}


def test_a_code_that_the_service_knows_now_was_lost_under_the_fault(
    gate: Callable[..., Run], naive: Deployment
) -> None:
    session, run = gate(url=naive.url)
    pool = prepare_queries(session, run)
    turns = [turn for turn in (pool.choose(index, streams=True) for index in range(16)) if turn.code]
    assert find_forgetful(pool, session, run, turns) == [0, 1, 2, 3]
    unknown = [replace(turn, code="another one") for turn in turns]
    assert find_forgetful(pool, session, run, [turns[0], *unknown]) == [0]


def test_a_model_that_rewords_has_no_right_answers(gate: Callable[..., Run]) -> None:
    with serve(Model()) as address:
        session, run = gate(url=f"http://{address}")
        session.settings = replace(session.settings, promises=Promises())
        pool = prepare_queries(session, run)
    assert [known.reference for known in pool.known] == [None] * 4
    assert not pool.echoes
    assert not pool.is_promised


def test_a_service_that_is_not_there_leaves_queries_without_answers(gate: Callable[..., Run]) -> None:
    session, run = gate(url="http://127.0.0.1:9")
    pool = prepare_queries(session, run)
    assert len(pool.known) == 8
    assert all(known.reference is None for known in pool.known)
