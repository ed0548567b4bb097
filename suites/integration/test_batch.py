"""A batch is what its rows are alone, in their order."""

from __future__ import annotations

import random

from harness.checks import batch
from harness.core.verdict import Verdict, inconclusive
from harness.run.rows import Rows
from harness.run.session import Session
from harness.suite import check

ROWS = 8


@check("a batch equals its rows asked alone, in their order", needs=("batches",), requests=2 * ROWS + 1)
def test_equals_singles(ai_client: Session) -> Verdict:
    rows = Rows(ai_client)
    if not rows.batches:
        return inconclusive("the sample is one input and not a list of rows: no batch can be made of it", n=0)
    given = rows.distinct(ROWS)
    first, again = ([ai_client.ask(rows.query([row])) for row in given] for _ in range(2))
    order = list(range(len(given)))
    random.Random(ai_client.settings.seed).shuffle(order)
    order = batch.arranged(order, first)
    together = ai_client.ask(rows.query([given[row] for row in order]))
    return batch.same_as_singles(first, again, together, order, ai_client.show)
