"""Known inputs give their golden outputs."""

from __future__ import annotations

import random

from harness.checks.answers.golden import judge_golden_outputs
from harness.core.measurement import Measurement, Scope
from harness.core.plan import Cost
from harness.run.confirmation import ask_many_confirmed
from harness.run.gate_run import GateRun
from harness.run.measurements import Measurements
from harness.run.valid_inputs import Rows
from harness.suite import Session, Verdict, check, make_inconclusive

_MOST, _CONCURRENCY = 500, 4


def _compute_cost(scope: Scope) -> Cost:
    data = scope.settings.data
    rows = min(_MOST, len(data.golden.inputs)) if data and data.golden else 0
    return Cost(rows, scope.tokens_per_answer * rows)


def _compare(scope: Scope, session: Session, run: GateRun) -> Verdict:
    data = session.settings.data
    assert data is not None
    assert data.golden is not None
    inputs, expected = data.golden.inputs, data.golden.labels
    if expected is None:
        return make_inconclusive(f"{data.golden.name} holds no expected outputs", n=0)
    count = len(inputs)
    chosen = sorted(random.Random(session.settings.seed).sample(range(count), min(count, _MOST)))
    rows = Rows(session)
    queries = [rows.query([inputs[number]]) for number in chosen]
    exchanges = ask_many_confirmed(session, queries, concurrency=_CONCURRENCY)
    golden = [expected[number] for number in chosen]
    verdict = judge_golden_outputs(golden, exchanges, chosen, data.tolerance, session.show)
    return verdict if count <= _MOST else verdict.with_notes(f"{_MOST} of {count} golden rows, drawn by the seed")


GOLDEN_OUTPUTS = Measurement(Verdict, _compute_cost, lambda scope: f"{scope.suite}/golden", _compare)


@check("golden outputs are met", grounds=("golden",), measures=(GOLDEN_OUTPUTS,))
def test_golden(ai_measure: Measurements) -> Verdict:
    return ai_measure(GOLDEN_OUTPUTS)
