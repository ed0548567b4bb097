"""A row has the answer that it has alone, whatever the size of its batch, its place there and the rows beside it."""

from __future__ import annotations

import random

from harness.checks.answers import batch, embeddings
from harness.checks.control import Control
from harness.run.asking_in_turn import ask_in_turn
from harness.run.valid_inputs import Rows
from harness.suite import Session, Verdict, check, make_inconclusive, mutate

_ROWS, _SIZES = 16, (2, 3, 7, 16, 16)
"""Rows, and those of each batch: odd sizes are padded, and kernels change with the size."""


@check(
    "a row has one answer, alone and in any batch",
    needs=("batches",),
    requests=2 * _ROWS + len(_SIZES),
    broken_by=(mutate("partial_batch", skip=2 * _ROWS), mutate("other_answer", skip=_ROWS)),
)
def test_any_batch(ai_client: Session) -> Verdict:
    rows = Rows(ai_client)
    if not rows.batches:
        return make_inconclusive("the sample is one input and not a list of rows: no batch can be made from it", n=0)
    inputs = rows.draw_distinct(_ROWS)
    generator = random.Random(f"{ai_client.settings.seed} batches")
    orders = [generator.sample(range(len(inputs)), min(size, len(inputs))) for size in _SIZES]
    alone = ask_in_turn(ai_client.ask, [rows.query([row]) for row in inputs])
    control = Control(alone, alone)
    if not rows.embeds:
        control = Control(alone, ask_in_turn(ai_client.ask, [rows.query([row]) for row in inputs]))
        orders = [batch.arrange_order(order, control) for order in orders]
    answers = ask_in_turn(ai_client.ask, [rows.query([inputs[row] for row in order]) for order in orders])
    if rows.embeds:
        return embeddings.judge_batched_vectors(alone, list(zip(orders, answers, strict=True)), ai_client.show)
    return batch.judge_batches(control, list(zip(orders, answers, strict=True)), ai_client.show)
