"""Membership inference: do the answers tell which rows the model learned from (`[data] training`)?"""

from __future__ import annotations

from harness.core.plan import PlannedCheck
from harness.core.verdict import make_skipped
from harness.run.gate_run import GateRun
from harness.run.measurements import Measurements
from harness.run.membership import MEMBERSHIP_ROWS, explain_unfit, judge_membership
from harness.suite import Verdict, check


@check(
    "the answers do not tell the rows that the model learned from",
    level="info",
    grounds=("data", "training"),
    measures=(MEMBERSHIP_ROWS,),
    requests=0,
)
def test_membership(ai_measure: Measurements, ai_run: GateRun, ai_planned: PlannedCheck) -> Verdict:
    data = ai_run.settings.data
    assert data is not None
    if reason := explain_unfit(data):
        return make_skipped(reason)
    return judge_membership(ai_measure(MEMBERSHIP_ROWS), ai_planned, ai_run.settings.seed)
