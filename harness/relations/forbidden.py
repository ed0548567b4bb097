"""forbidden: a feature that must not matter gets another row's value, and the answer stays.

Tested in tests/robustness/test_relations.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.core.relation import Draws, Relation, RelationKind
from harness.relations._answers import find_change
from harness.relations._inputs import list_features, replace_features

_TRIES = 20


def _permute(row: Any, relation: Relation, draws: Draws, rows: Sequence[Any]) -> Any:
    """The features get the values that they have in another row, so that every value is one that occurs."""
    keys = list_features(row, relation) if relation.features else []
    for _ in range(_TRIES if keys else 0):
        other = rows[draws.randrange(len(rows))]
        values = {key: other[key] for key in keys}
        if any(values[key] != row[key] for key in keys):
            return replace_features(row, values)
    return None


RELATION = RelationKind(
    name="forbidden",
    title="a feature that must not matter gets another row's value, and the answer stays",
    changes={"permute": _permute},
    find_violation=find_change,
)
