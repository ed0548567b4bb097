"""A batch is what its rows are alone, in their order."""

from __future__ import annotations

import random

from harness.checks.answers import batch, embeddings
from harness.core.exchange import Exchange
from harness.run.valid_inputs import Rows
from harness.suite import Session, Verdict, check, make_inconclusive, once

_ROWS = 8


def no_batch() -> Verdict:
    """INCONCLUSIVE: a check of batches has none."""
    return make_inconclusive("the sample is one input and not a list of rows: no batch can be made of it", n=0)


@check("a batch equals its rows asked alone, in their order", needs=("batches",), requests=2 * _ROWS + 1)
def test_equals_singles(ai_client: Session) -> Verdict:
    rows = Rows(ai_client)
    if not rows.batches:
        return no_batch()
    given = rows.distinct(_ROWS)
    order = list(range(len(given)))
    random.Random(ai_client.settings.seed).shuffle(order)
    first = [ai_client.ask(rows.query([row])) for row in given]
    if rows.embeds:
        whole = ai_client.ask(rows.query([given[row] for row in order]))
        return embeddings.as_alone(first, [(order, whole)], ai_client.show)
    again = [ai_client.ask(rows.query([row])) for row in given]
    order = batch.arranged(order, first)
    together = ai_client.ask(rows.query([given[row] for row in order]))
    return batch.same_as_singles(first, again, together, order, ai_client.show)


@once
def _empty(ai_client: Session) -> tuple[Exchange, Exchange] | None:
    """A batch of no rows and a valid request after it; None where none can be made."""
    rows = Rows(ai_client)
    if not rows.batches:
        return None
    valid = ai_client.request(rows.query(rows.distinct(1)))
    request = batch.emptied(valid)
    return (ai_client.send(request), ai_client.send(valid)) if request else None


@check("an empty batch is survived", needs=("batches",), grounds=("http",), requests=3)
def test_empty_survived(ai_client: Session) -> Verdict:
    found = _empty(ai_client)
    return batch.survived(*found, ai_client.show) if found else no_batch()


@check(
    "an empty batch is refused, or has an empty answer", level="warn", needs=("batches",), grounds=("http",), requests=0
)
def test_empty_refused(ai_client: Session) -> Verdict:
    found = _empty(ai_client)
    return batch.empty_refused(found[0], ai_client.read(found[0]), ai_client.show) if found else no_batch()
