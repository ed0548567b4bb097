"""Chaos: what the service does while a link is disturbed, and whether it comes back.

Latency, error rate and goodput are those of the requests that were due while the fault was on, or in the time in which
the service has to recover; goodput is a share of the baseline's.

Tested in tests/chaos/test_run_experiment.py and tests/wrong_verdicts/test_wrong_chaos_verdicts.py, where a file has
no test of its own.
"""

from __future__ import annotations

from harness.core.experiment import ChaosSettings
from harness.core.measurement import Scope
from harness.core.metric import ATTEMPTS, ERROR_RATE, GOODPUT, INTERNAL_ERROR_RATE, LATENCY, RECOVERY
from harness.core.objective import Objective
from harness.core.suite_policy import Section, SuitePolicy


def _count_samples(scope: Scope, objective: Objective) -> int:
    if scope.case is None:
        return 0
    seconds = scope.case.chaos.recovery if objective.after else scope.case.duration
    return int(scope.case.chaos.rate * seconds)


def _get_seconds(scope: Scope, objective: Objective) -> float:
    if scope.case is None:
        return 0.0
    return float(scope.case.chaos.recovery if objective.after else scope.case.duration)


POLICY = SuitePolicy(
    order=60,
    metrics=(LATENCY, ERROR_RATE, INTERNAL_ERROR_RATE, GOODPUT, ATTEMPTS, RECOVERY),
    samples=_count_samples,
    seconds=_get_seconds,
    dependent=True,
    hint="a longer fault or a higher [chaos] rate",
    section=Section(ChaosSettings, always=True),
    reads=("fault", "experiment"),
    disturbs=True,
)
