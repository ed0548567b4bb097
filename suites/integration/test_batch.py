"""A batch has the same answers as its rows have alone, in the same order."""

from __future__ import annotations

import random

from harness.checks.answers import batch, embeddings
from harness.checks.answers.null_rows import judge_null_rows
from harness.checks.control import Control
from harness.core.exchange import Exchange
from harness.core.mutation import ACCEPT_BAD_INPUT, CRASH_ON_BAD_INPUT, crash_after
from harness.core.verdict import Status
from harness.run.asking_in_turn import ask_in_turn
from harness.run.valid_inputs import Rows
from harness.suite import Session, Verdict, check, make_inconclusive, mutate, once

from .null_rows import NULL_REQUESTS, ask_null_rows

_ROWS = 8


def explain_no_batch() -> Verdict:
    """INCONCLUSIVE, for a check of batches where none can be made."""
    return make_inconclusive("the sample is one input and not a list of rows: no batch can be made from it", n=0)


@check(
    "a batch equals its rows asked alone, in their order",
    needs=("batches",),
    requests=2 * _ROWS + 1 + NULL_REQUESTS,
    broken_by=(mutate("partial_batch", skip=16), mutate("other_answer", skip=8)),
)
def test_equals_singles(ai_client: Session) -> Verdict:
    rows = Rows(ai_client)
    if not rows.batches:
        return explain_no_batch()
    inputs = rows.draw_distinct(_ROWS)
    order = list(range(len(inputs)))
    random.Random(ai_client.settings.seed).shuffle(order)
    queries = [rows.query([row]) for row in inputs]
    asked = ask_in_turn(ai_client.ask, queries * (1 if rows.embeds else 2))
    first = asked[: len(queries)]
    if rows.embeds:
        exchange = ai_client.ask(rows.query([inputs[row] for row in order]))
        return embeddings.judge_batched_vectors(first, [(order, exchange)], ai_client.show)
    control = Control(first, asked[len(queries) :])
    order = batch.arrange_order(order, control)
    exchange = ai_client.ask(rows.query([inputs[row] for row in order]))
    verdict = batch.judge_batch(control, exchange, order, ai_client.show)
    if verdict.status is not Status.PASS:
        return verdict
    nulls = judge_null_rows(ask_null_rows(ai_client, rows), ai_client.show)
    return nulls if nulls.status in (Status.FAIL, Status.ERROR) else verdict.with_notes(nulls.reason)


@once
def _ask_empty(ai_client: Session) -> tuple[Exchange, Exchange] | None:
    """A batch without rows and a valid request after it; None if no batch can be made."""
    rows = Rows(ai_client)
    if not rows.batches:
        return None
    valid = ai_client.request(rows.query(rows.draw_distinct(1)))
    empty = batch.remove_rows(valid)
    return (ai_client.send(empty), ai_client.send(valid)) if empty else None


@check(
    "an empty batch is survived",
    needs=("batches",),
    grounds=("http",),
    requests=3,
    broken_by=(CRASH_ON_BAD_INPUT, crash_after(0)),
)
def test_empty_survived(ai_client: Session) -> Verdict:
    exchanges = _ask_empty(ai_client)
    return batch.judge_empty_batch(*exchanges, ai_client.show) if exchanges else explain_no_batch()


@check(
    "an empty batch is refused, or has an empty answer",
    level="warn",
    needs=("batches",),
    grounds=("http",),
    requests=0,
    broken_by=(ACCEPT_BAD_INPUT,),
)
def test_empty_refused(ai_client: Session) -> Verdict:
    exchanges = _ask_empty(ai_client)
    if exchanges is None:
        return explain_no_batch()
    return batch.judge_empty_batch_refusal(exchanges[0], ai_client.read(exchanges[0]), ai_client.show)
