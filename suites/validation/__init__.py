"""Model validation: are the answers right, on labelled data, against golden outputs and by graders?

Tested in tests/suites/validation/test_accuracy.py and tests/suites/validation/test_validation_gate.py, where a file
has no test of its own.
"""

from __future__ import annotations

from harness.core.measurement import Scope
from harness.core.metric import EVALUATION_METRICS
from harness.core.objective import Objective
from harness.core.suite_policy import SuitePolicy
from harness.metrics.quality_metric import list_metrics

_OF_EVALUATION = frozenset(metric.name for metric in EVALUATION_METRICS)


def _count_samples(scope: Scope, objective: Objective) -> int:
    if objective.metric in _OF_EVALUATION:
        evaluation = scope.settings.evaluation
        return evaluation.count_samples(objective.metric, objective.cap) if evaluation else 0
    data = scope.settings.data.dataset if scope.settings.data else None
    if data is None:
        return 0
    rows = len(data.select_slice(objective.slice))
    if objective.class_ is not None and objective.metric == "recall":
        rows = data.count_label(objective.class_, objective.slice) * min(objective.cap, rows) // max(1, rows)
    return min(objective.cap, rows)


POLICY = SuitePolicy(
    order=30,
    metrics=(*(metric.metric for metric in list_metrics()), *EVALUATION_METRICS),
    samples=_count_samples,
    hint="more rows of data, or prompts",
    reads=("data",),
)
