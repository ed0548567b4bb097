"""No part of the rows is answered much worse than the rest, and the answers depend on the input at all."""

from __future__ import annotations

from harness.run.answered_rows import read_answered_rows
from harness.run.gate_run import GateRun
from harness.run.labelled_rows import LABELLED_ROWS
from harness.run.measurements import Measurements
from harness.run.trivial_baseline import judge_trivial_baseline
from harness.run.worst_slice import judge_worst_slice
from harness.suite import Verdict, check


@check("no slice is much worse than the rest", grounds=("slices", "labels"), measures=(LABELLED_ROWS,), compares=True)
def test_worst_slice(ai_measure: Measurements, ai_run: GateRun) -> Verdict:
    data = ai_run.settings.data
    assert data is not None
    assert data.dataset is not None
    labelled = ai_measure(LABELLED_ROWS)
    rows = read_answered_rows(labelled, ai_run).choose_population()
    return judge_worst_slice(rows, labelled, data.dataset.slices, data.slice_margin)


@check("answers are better than without reading the input", grounds=("data", "labels"), measures=(LABELLED_ROWS,))
def test_trivial_baseline(ai_measure: Measurements, ai_run: GateRun) -> Verdict:
    labelled = ai_measure(LABELLED_ROWS)
    rows = read_answered_rows(labelled, ai_run).choose_population()
    return judge_trivial_baseline(rows, labelled, ai_run.settings.seed)
