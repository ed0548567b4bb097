"""The newest rows are answered as well as those before, and alike."""

from __future__ import annotations

from harness.core.drift import DriftSettings
from harness.run.answered_rows import read_answered_rows
from harness.run.degradation import judge_decline, judge_newest_answers
from harness.run.gate_run import GateRun
from harness.run.labelled_rows import LABELLED_ROWS
from harness.run.measurements import Measurements
from harness.suite import Verdict, check


@check(
    "the newest rows are answered as well as those before",
    grounds=("time", "labels"),
    measures=(LABELLED_ROWS,),
    compares=True,
)
def test_decline(ai_measure: Measurements, ai_run: GateRun) -> Verdict:
    data = ai_run.settings.data
    assert data is not None
    assert data.dataset is not None
    labelled = ai_measure(LABELLED_ROWS)
    rows = read_answered_rows(labelled, ai_run).choose_population()
    return judge_decline(rows, labelled, data.dataset, data.time_margin)


@check(
    "the newest answers are distributed as those before", grounds=("time",), measures=(LABELLED_ROWS,), compares=True
)
def test_newest_answers(ai_measure: Measurements, ai_run: GateRun) -> Verdict:
    data = ai_run.settings.data
    assert data is not None
    assert data.dataset is not None
    labelled = ai_measure(LABELLED_ROWS)
    rows = read_answered_rows(labelled, ai_run).choose_population()
    drift = ai_run.settings.drift or DriftSettings()
    return judge_newest_answers(rows, labelled, data.dataset, drift, ai_run.settings.seed)
