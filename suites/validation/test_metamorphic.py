"""Relations between the answers to an input and to a changed one: no labels are needed."""

from __future__ import annotations

from harness.core.plan import PlannedCheck
from harness.core.relation import Relation
from harness.core.verdict import Status
from harness.robustness.relation_asking import RELATED_ROWS
from harness.run.gate_run import GateRun
from harness.run.measurements import Measurements
from harness.run.share_judging import judge_share
from harness.suite import Verdict, check, make_inconclusive


@check(
    "metamorphic relation",
    per="relation",
    grounds=("relations", "data"),
    measures=(RELATED_ROWS,),
    find_share=lambda settings, case: case.limit if isinstance(case, Relation) else 0.0,
)
def test_relation(ai_measure: Measurements, ai_run: GateRun, ai_planned: PlannedCheck, relation: Relation) -> Verdict:
    result = ai_measure(RELATED_ROWS, relation)
    notes = [
        f"{result.rows - result.unchanged - result.judged} pairs show nothing: {why}" for why in result.unjudged[:1]
    ]
    if result.unchanged:
        notes.append(f"{result.unchanged} of {result.rows} rows hold nothing that could be changed so")
    if not result.judged:
        why = result.unjudged[0] if result.unjudged else "no row of the data could be changed so"
        return make_inconclusive(f"{relation.title}: {why}", n=0, notes=tuple(notes))
    verdict = judge_share(
        result.broken,
        result.judged,
        relation.limit,
        ai_planned,
        ai_run.settings.profile,
        what=f"changed inputs break {relation.title}",
        holds=f"{relation.title}: it holds for {result.judged} rows and their changed twins",
        examples=result.examples,
        notes=notes,
    )
    if verdict.status is Status.PASS and 2 * result.judged < result.rows - result.unchanged:
        return make_inconclusive(f"only {result.judged} pairs could be compared: {result.unjudged[0]}", n=result.judged)
    return verdict
