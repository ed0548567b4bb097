"""Are the answers to the prompts of an evaluation right, by its graders, and free of loops, cuts and wrong calls?"""

from __future__ import annotations

from harness.core.metric import ANSWER_RATES, GRADED_METRICS
from harness.core.objective import Objective
from harness.core.plan import PlannedCheck
from harness.run.evaluation import EVALUATED_ITEMS
from harness.run.evaluation_judging import judge_evaluation
from harness.run.gate_run import GateRun
from harness.run.measurements import Measurements
from harness.suite import Verdict, check


@check(
    "evaluation",
    per="objective",
    metrics=tuple(metric.name for metric in (*GRADED_METRICS, *ANSWER_RATES)),
    grounds=("evaluation",),
    measures=(EVALUATED_ITEMS,),
)
def test_evaluation(
    ai_measure: Measurements, ai_run: GateRun, ai_planned: PlannedCheck, objective: Objective
) -> Verdict:
    evaluation = ai_run.settings.evaluation
    assert evaluation is not None
    return judge_evaluation(ai_measure(EVALUATED_ITEMS), evaluation, objective, ai_planned)
