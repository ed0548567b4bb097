"""Are the answers right by a judge, corrected with answers that people have labelled?"""

from __future__ import annotations

from harness.core.metric import JUDGED_ACCURACY
from harness.core.objective import Objective
from harness.core.plan import PlannedCheck
from harness.run.answer_judge import JUDGED_ANSWERS
from harness.run.evaluation import EVALUATED_ITEMS
from harness.run.gate_run import GateRun
from harness.run.judged_accuracy import judge_judged_accuracy
from harness.run.measurements import Measurements
from harness.suite import Verdict, check, make_inconclusive


@check(
    "judged evaluation",
    per="objective",
    metrics=(JUDGED_ACCURACY.name,),
    grounds=("evaluation", "judge"),
    measures=(EVALUATED_ITEMS, JUDGED_ANSWERS),
)
def test_judge(ai_measure: Measurements, ai_run: GateRun, ai_planned: PlannedCheck, objective: Objective) -> Verdict:
    evaluation = ai_run.settings.evaluation
    assert evaluation is not None
    if refusal := ai_measure(EVALUATED_ITEMS).refusal:
        return make_inconclusive(f"every request was refused, none was answered: {refusal}", n=0)
    return judge_judged_accuracy(ai_measure(JUDGED_ANSWERS), evaluation, objective, ai_planned)
