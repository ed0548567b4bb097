"""The configured gaps between groups of sensitive columns."""

from __future__ import annotations

from harness.core.objective import Objective
from harness.core.plan import PlannedCheck
from harness.metrics.quality_metric import list_metrics
from harness.run.answered_rows import read_answered_rows
from harness.run.fairness import judge_group_gap
from harness.run.gate_run import GateRun
from harness.run.labelled_rows import LABELLED_ROWS
from harness.run.measurements import Measurements
from harness.suite import Verdict, check

_GAPS = tuple(metric.metric.name for metric in list_metrics() if metric.compares_groups)


@check("fairness", per="objective", metrics=_GAPS, grounds=("data",), measures=(LABELLED_ROWS,))
def test_fairness(ai_measure: Measurements, ai_run: GateRun, ai_planned: PlannedCheck, objective: Objective) -> Verdict:
    data = ai_run.settings.data
    assert data is not None
    labelled = ai_measure(LABELLED_ROWS)
    rows = read_answered_rows(labelled, ai_run)
    return judge_group_gap(rows, labelled, data, ai_run.settings.seed, objective, ai_planned)
