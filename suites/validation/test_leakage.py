"""Do rows of the holdout stand in the training data (`[data] training`)? Nothing is sent to the service."""

from __future__ import annotations

from harness.core.plan import PlannedCheck
from harness.run.gate_run import GateRun
from harness.run.leakage import judge_leakage
from harness.suite import Verdict, check


@check(
    "no more rows stand in the training data than by chance",
    grounds=("data", "training"),
    requests=0,
    cases=("exact", "near"),
    find_share=lambda settings, case: settings.data.leak_limit if settings.data else 0.0,
)
def test_leakage(ai_run: GateRun, ai_planned: PlannedCheck, case: str) -> Verdict:
    settings = ai_run.settings
    data = settings.data
    assert data is not None
    assert data.dataset is not None
    assert data.training is not None
    own = data.dataset, data.training
    return judge_leakage(*own, case, data.leak_limit, ai_planned, settings.profile, settings.seed)
