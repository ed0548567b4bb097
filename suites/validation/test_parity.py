"""The service serves the model that it is meant to serve, and what a compression of that model costs."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import islice

from harness.checks.answers.skew import Skew, measure_skew
from harness.core.local_model import LocalAnswers
from harness.core.measurement import Measurement, Scope
from harness.core.plan import Cost, PlannedCheck
from harness.core.tolerance import Tolerance
from harness.core.verdict import Status
from harness.io.local_model import ask_local_model
from harness.run.confirmation import ask_many_confirmed
from harness.run.gate_run import GateRun
from harness.run.measurements import Measurements
from harness.run.rate_judging import skip_repeated_rows
from harness.run.share_judging import judge_share
from harness.run.twin_judging import judge_twin
from harness.run.valid_inputs import Rows
from harness.suite import Session, Verdict, check, make_inconclusive

_CONCURRENCY = 4


def _choose_rows(scope: Scope) -> list[int]:
    """Distinct rows of the data, drawn by the seed."""
    reference, data = scope.settings.reference, scope.settings.data
    if reference is None or data is None or data.dataset is None:
        return []
    order = list(range(len(data.dataset.inputs)))
    random.Random(f"{scope.settings.seed} reference").shuffle(order)
    unlabelled = replace(data.dataset, labels=None)
    return list(islice(skip_repeated_rows(unlabelled, order), reference.rows))


def _ask_model(scope: Scope, session: Session, *, twin: bool) -> LocalAnswers:
    reference, data = scope.settings.reference, scope.settings.data
    assert reference is not None
    assert data is not None
    assert data.dataset is not None
    rows = [data.dataset.inputs[number] for number in _choose_rows(scope)]
    credentials = session.endpoint.credentials
    secrets = [credentials.secret.value] if credentials else []
    return ask_local_model(reference if twin else replace(reference, quantise=None), rows, secrets)


def _measure_skew(scope: Scope, session: Session, run: GateRun) -> Skew:
    reference, data = scope.settings.reference, scope.settings.data
    assert reference is not None
    assert data is not None
    assert data.dataset is not None
    own = _ask_model(scope, session, twin=False)
    rows = Rows(session)
    queries = [rows.query([data.dataset.inputs[number]]) for number in _choose_rows(scope)]
    run.progress.expect(len(queries))
    exchanges = ask_many_confirmed(session, queries, concurrency=_CONCURRENCY)
    return measure_skew(own.outputs, exchanges, Tolerance(reference.atol, reference.rtol), session.show)


def _compute_cost(scope: Scope) -> Cost:
    rows = len(_choose_rows(scope))
    return Cost(rows, scope.tokens_per_answer * rows)


SKEW = Measurement(Skew, _compute_cost, lambda scope: f"{scope.suite}/reference", _measure_skew)


@check(
    "the service answers as the local reference does",
    grounds=("reference", "data"),
    measures=(SKEW,),
    find_share=lambda settings, case: settings.reference.limit if settings.reference else 0.0,
)
def test_serving_skew(ai_measure: Measurements, ai_run: GateRun, ai_planned: PlannedCheck) -> Verdict:
    skew, reference = ai_measure(SKEW), ai_run.settings.reference
    assert reference is not None
    judged = skew.rows - len(skew.unjudged)
    if skew.rows and skew.refused == skew.rows:
        return make_inconclusive("every row was refused: give rows of the form that the service takes", n=0)
    if not judged:
        why = next(iter(skew.unjudged.values()), "the data hold no rows")
        return make_inconclusive(f"no row could be compared: {why}", n=0)
    notes = [f"compared: {', '.join(skew.compared)}", skew.largest]
    if skew.unjudged:
        notes.append(f"{len(skew.unjudged)} of {skew.rows} rows are not judged: {next(iter(skew.unjudged.values()))}")
    verdict = judge_share(
        len(skew.differing),
        judged,
        reference.limit,
        ai_planned,
        ai_run.settings.profile,
        what="rows are answered otherwise than by the local reference",
        holds=f"{judged} rows are answered as by the local reference",
        examples=skew.examples,
        notes=[note for note in notes if note],
    )
    if verdict.status is Status.PASS and len(skew.unjudged) > judged:
        return make_inconclusive(f"only {judged} of {skew.rows} rows could be compared", n=judged, notes=verdict.notes)
    return verdict


@check("a quantised twin is as right, and no slower", grounds=("quantised", "data"), requests=0, compares=True)
def test_quantised_twin(ai_client: Session, ai_run: GateRun) -> Verdict:
    scope = Scope(ai_run.settings, "validation")
    reference, data = ai_run.settings.reference, ai_run.settings.data
    assert reference is not None
    assert data is not None
    assert data.dataset is not None
    labels = data.dataset.labels
    if labels is None:
        return make_inconclusive("the data hold no labels", n=0)
    answers = _ask_model(scope, ai_client, twin=True)
    return judge_twin(answers, [labels[number] for number in _choose_rows(scope)], reference)
