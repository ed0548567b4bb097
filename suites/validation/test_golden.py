"""Known inputs give their golden outputs."""

from __future__ import annotations

import random

from harness.checks.answers.golden import judge_golden_outputs
from harness.run.valid_inputs import Rows
from harness.suite import Session, Verdict, check, make_inconclusive

_MOST, _CONCURRENCY = 500, 4


@check("golden outputs are met", grounds=("golden",), requests=_MOST, tokens=16 * _MOST)
def test_golden(ai_client: Session) -> Verdict:
    data = ai_client.settings.data
    assert data is not None
    assert data.golden is not None
    inputs, expected = data.golden.inputs, data.golden.labels
    if expected is None:
        return make_inconclusive(f"{data.golden.name} holds no expected outputs", n=0)
    count = len(inputs)
    chosen = sorted(random.Random(ai_client.settings.seed).sample(range(count), min(count, _MOST)))
    rows = Rows(ai_client)
    queries = [rows.query([inputs[number]]) for number in chosen]
    found = ai_client.ask_many(queries, concurrency=_CONCURRENCY)
    verdict = judge_golden_outputs(
        [expected[number] for number in chosen], found, chosen, data.tolerance, ai_client.show
    )
    return verdict if count <= _MOST else verdict.with_notes(f"{_MOST} of {count} golden rows, drawn by the seed")
