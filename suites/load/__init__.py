"""Load: does the service keep its objectives under an open-loop load that kept up?

Tested in tests/load/test_judging.py and tests/load/test_whole_loads.py, where a file has no test of its own.
"""

from __future__ import annotations

from harness.core.measurement import Scope
from harness.core.metric import LOAD_OBJECTIVES
from harness.core.objective import Objective
from harness.core.settings import LoadSettings
from harness.core.suite_policy import Section, SuitePolicy


def _count_samples(scope: Scope, objective: Objective) -> int:
    return scope.settings.load.judged_requests if scope.settings.load else 0


def _get_seconds(scope: Scope) -> float:
    return scope.settings.load.duration - scope.settings.load.judged_from if scope.settings.load else 0.0


POLICY = SuitePolicy(
    order=50,
    metrics=LOAD_OBJECTIVES,
    samples=_count_samples,
    seconds=_get_seconds,
    dependent=True,
    hint="a longer [load] duration or a higher rate",
    reads=("data",),
    section=Section(
        LoadSettings,
        missing="no load is configured ([load] rate and duration)",
        requires={"locust": "aiharness[load]"},
    ),
)
