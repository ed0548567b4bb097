"""Inputs and answers are distributed as in a reference sample."""

from __future__ import annotations

from harness.run.answered_rows import read_answered_rows
from harness.run.drift import REFERENCE_ROWS, judge_answer_drift, judge_input_drift, read_reference_rows
from harness.run.gate_run import GateRun
from harness.run.labelled_rows import LABELLED_ROWS, explain_unjudged
from harness.run.measurements import Measurements
from harness.suite import Verdict, check, make_inconclusive


@check("inputs are distributed as in the reference", grounds=("drift",), requests=0, compares=True)
def test_inputs(ai_run: GateRun) -> Verdict:
    data, drift = ai_run.settings.data, ai_run.settings.drift
    assert data is not None
    assert data.dataset is not None
    assert drift is not None
    return judge_input_drift(data.dataset, drift, ai_run.settings.seed)


@check(
    "answers are distributed as for the reference",
    grounds=("drift",),
    measures=(LABELLED_ROWS, REFERENCE_ROWS),
    compares=True,
)
def test_answers(ai_measure: Measurements, ai_run: GateRun) -> Verdict:
    drift = ai_run.settings.drift
    assert drift is not None
    labelled, asked = ai_measure(LABELLED_ROWS), ai_measure(REFERENCE_ROWS)
    now, before = read_answered_rows(labelled, ai_run).choose_population(), read_reference_rows(asked, ai_run)
    if problem := explain_unjudged(labelled, labelled.asked) or explain_unjudged(asked, asked.asked or (-1,)):
        return make_inconclusive(problem, n=0)
    source = "asked in this run" if asked.asked else "recorded"
    notes = (f"the answers to the reference are {source}",)
    return judge_answer_drift(before, now, drift, ai_run.settings.seed, "the answers", notes)
