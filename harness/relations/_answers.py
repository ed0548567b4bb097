"""What several relations demand of two answers: that they are the same, or that a score goes one way.

Tested in tests/robustness/test_relations.py.
"""

from __future__ import annotations

from harness.core.relation import Reading, Relation
from harness.core.tolerance import Deviations, Tolerance, find_deviation


def find_change(before: Reading, after: Reading, relation: Relation) -> str | None:
    """How the answer changed: its label, or a score by more than the tolerance where one is given or nothing else is.

    Empty where it did not; None where there is neither a label nor a content.
    """
    if before.label is not None and str(before.label) != str(after.label):
        return f"the answer {before.label!r:.60} became {after.label!r:.60}"
    if before.label is not None and not relation.tolerance and relation.output is None:
        return ""
    if before.score is not None and after.score is not None:
        moved = abs(after.score - before.score)
        if moved > (relation.tolerance or 1e-5 + 1e-4 * abs(before.score)):
            return f"the score moved from {before.score:.6g} to {after.score:.6g}"
        return ""
    if before.content is None:
        return None
    tolerance = Tolerance(relation.tolerance or 1e-5, 1e-4)
    return find_deviation(before.content, after.content, tolerance, Deviations()) or ""


def find_wrong_way(before: Reading, after: Reading, relation: Relation, least: float) -> str | None:
    """Whether the score rose by less than `least` in the relation's direction; None where there is no score."""
    if before.score is None or after.score is None:
        return None
    rise = after.score - before.score
    if relation.direction == "down":
        rise = -rise
    if rise >= least:
        return ""
    return f"the score went from {before.score:.6g} to {after.score:.6g}, and should go {relation.direction}"
