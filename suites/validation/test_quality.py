"""The configured figures of quality, over all the data or a slice of them."""

from __future__ import annotations

from harness.core.objective import Objective
from harness.core.plan import PlannedCheck
from harness.metrics.quality_metric import list_metrics
from harness.run.answered_rows import read_answered_rows
from harness.run.gate_run import GateRun
from harness.run.labelled_rows import LABELLED_ROWS
from harness.run.measurements import Measurements
from harness.run.quality import judge_quality
from harness.suite import Verdict, check

_OTHERS = tuple(
    metric.metric.name for metric in list_metrics() if not (metric.metric.name == "accuracy" or metric.compares_groups)
)


@check("quality", per="objective", metrics=_OTHERS, grounds=("data",), measures=(LABELLED_ROWS,))
def test_quality(ai_measure: Measurements, ai_run: GateRun, ai_planned: PlannedCheck, objective: Objective) -> Verdict:
    data = ai_run.settings.data
    assert data is not None
    assert data.dataset is not None
    labelled = ai_measure(LABELLED_ROWS)
    rows = read_answered_rows(labelled, ai_run)
    return judge_quality(rows, labelled, data.dataset, ai_run.settings.seed, objective, ai_planned)
