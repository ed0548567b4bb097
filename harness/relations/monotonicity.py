"""monotonicity: a feature goes up, and the score does not go the other way.

Tested in tests/robustness/test_relations.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.core.relation import Draws, Reading, Relation, RelationKind
from harness.relations._answers import find_wrong_way
from harness.relations._inputs import find_feature_bounds, list_features, replace_features


def _raise_features(row: Any, relation: Relation, draws: Draws, rows: Sequence[Any]) -> Any:
    """The features go up by the share `size` of their range, or by up to as much again, and stay in it."""
    raised = {}
    for key in list_features(row, relation):
        low, high = find_feature_bounds(rows, key)
        step = relation.size * (high - low) * draws.uniform(1.0, 2.0)
        if type(row[key]) is int:
            step = max(1, round(step))
        if row[key] < high:
            raised[key] = min(row[key] + step, high)
    return replace_features(row, raised) if raised else None


def _find_violation(before: Reading, after: Reading, relation: Relation) -> str | None:
    return find_wrong_way(before, after, relation, -relation.tolerance - 1e-9)


RELATION = RelationKind(
    name="monotonicity",
    title="a feature goes up, and the score does not go the other way",
    changes={"step": _raise_features},
    find_violation=_find_violation,
    graded=("step",),
)
