"""The verdict on a relation: the share of pairs that break it, and what a search found besides.

Tested in tests/robustness/test_relations.py.
"""

from __future__ import annotations

from harness.core.objective import Profile
from harness.core.plan import PlannedCheck
from harness.core.relation import Relation
from harness.core.verdict import Status, Verdict, make_inconclusive
from harness.robustness.relation_asking import RelationResult
from harness.run.share_judging import judge_share


def judge_relation(result: RelationResult, relation: Relation, check: PlannedCheck, profile: Profile) -> Verdict:
    """With a limit of 0 one broken pair fails, whoever found it; otherwise the share of the sample decides."""
    notes = [
        f"{result.rows - result.unchanged - result.judged} pairs show nothing: {why}" for why in result.unjudged[:1]
    ]
    if result.unchanged:
        notes.append(f"{result.unchanged} of {result.rows} rows hold nothing that could be changed so")
    if not result.judged:
        why = result.unjudged[0] if result.unjudged else "no row of the data could be changed so"
        return make_inconclusive(f"{relation.title}: {why}", n=0, notes=tuple(notes))
    if result.searched:
        notes.append(f"Hypothesis searched {result.searched} further pairs for one that breaks it")
    if result.drawn:
        reason = f"{result.drawn.summary}; a search found it, the {result.judged} pairs of the random sample hold"
        return Verdict(
            Status.FAIL, reason, n=result.judged, method="contract", counterexamples=(result.drawn,), notes=tuple(notes)
        )
    verdict = judge_share(
        result.broken,
        result.judged,
        relation.limit,
        check,
        profile,
        what=f"changed inputs break {relation.title}",
        holds=f"{relation.title}: it holds for {result.judged} rows and their changed twins",
        examples=result.examples,
        notes=notes,
    )
    if verdict.status is Status.PASS and 2 * result.judged < result.rows - result.unchanged:
        return make_inconclusive(f"only {result.judged} pairs could be compared: {result.unjudged[0]}", n=result.judged)
    return verdict
