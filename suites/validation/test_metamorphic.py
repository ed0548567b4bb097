"""Relations between the answers to an input and to a changed one: no labels are needed."""

from __future__ import annotations

from harness.core.plan import PlannedCheck
from harness.core.relation import Relation
from harness.robustness.relation_asking import RELATED_ROWS
from harness.robustness.relation_judging import judge_relation
from harness.run.gate_run import GateRun
from harness.run.measurements import Measurements
from harness.suite import Verdict, check


@check(
    "metamorphic relation",
    per="relation",
    grounds=("relations", "data"),
    measures=(RELATED_ROWS,),
    find_share=lambda settings, case: case.limit if isinstance(case, Relation) else 0.0,
)
def test_relation(ai_measure: Measurements, ai_run: GateRun, ai_planned: PlannedCheck, relation: Relation) -> Verdict:
    result = ai_measure(RELATED_ROWS, relation)
    return judge_relation(result, relation, ai_planned, ai_run.settings.profile)
