"""The configured accuracies, over all the data or a slice of them."""

from __future__ import annotations

from harness.core.metric import ACCURACY
from harness.core.objective import Objective
from harness.core.plan import PlannedCheck
from harness.run.accuracy import judge_accuracy
from harness.run.gate_run import GateRun
from harness.run.labelled_rows import LABELLED_ROWS
from harness.run.measurements import Measurements
from harness.suite import Verdict, check


@check("accuracy", per="objective", metrics=(ACCURACY.name,), grounds=("data",), measures=(LABELLED_ROWS,))
def test_accuracy(ai_measure: Measurements, ai_run: GateRun, ai_planned: PlannedCheck, objective: Objective) -> Verdict:
    data = ai_run.settings.data
    assert data is not None
    assert data.dataset is not None
    return judge_accuracy(ai_measure(LABELLED_ROWS), data.dataset, ai_run.settings.seed, objective, ai_planned)
