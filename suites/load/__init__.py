"""Load: does the service keep its objectives under an open-loop load that kept up?

Tested in tests/load/test_judging.py and tests/load/test_whole_loads.py, where a file has no test of its own.
"""

from __future__ import annotations

from harness.core.arrival_settings import STEADY
from harness.core.load_settings import LoadSettings
from harness.core.measurement import Scope
from harness.core.metric import LOAD_OBJECTIVES, REQUEST_RATE
from harness.core.objective import Objective
from harness.core.suite_policy import Section, SuitePolicy


def _count_samples(scope: Scope, objective: Objective) -> int:
    return scope.settings.load.judged_requests if scope.settings.load else 0


def _get_seconds(scope: Scope, objective: Objective) -> float:
    return scope.settings.load.duration - scope.settings.load.judged_from if scope.settings.load else 0.0


def _find_obstacle(scope: Scope, objective: Objective) -> str:
    """Why a rate cannot be shown by this load, as far as that is known before it."""
    load = scope.settings.load
    if load is None:
        return ""
    if load.shape_name != STEADY:
        return f"a rate per second is judged under a steady load, and this one is a {load.shape_name}"
    if objective.metric == REQUEST_RATE.name and not load.loop and load.mean_rate < objective.limit:
        return f"the load asks {load.mean_rate:.4g} requests/s; give a [load] rate of about {1.1 * objective.limit:.3g}"
    return ""


POLICY = SuitePolicy(
    order=50,
    metrics=LOAD_OBJECTIVES,
    samples=_count_samples,
    seconds=_get_seconds,
    find_obstacle=_find_obstacle,
    dependent=True,
    hint="a longer [load] duration or a higher rate",
    reads=("data",),
    section=Section(
        LoadSettings,
        missing="no load is configured ([load] rate and duration)",
        requires={"locust": "aiharness[load]"},
    ),
)
