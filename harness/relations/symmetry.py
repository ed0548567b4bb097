"""symmetry: two inputs, or two words, change places, and the answer stays.

Tested in tests/robustness/test_relations.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.core.relation import Draws, Relation, RelationKind
from harness.relations._answers import find_change
from harness.relations._inputs import list_features, replace_features


def _swap(row: Any, relation: Relation, draws: Draws, rows: Sequence[Any]) -> Any:
    """The two features change places; in a text, both words of each pair in `words`."""
    if isinstance(row, str):
        both = {**relation.words, **{value: key for key, value in relation.words.items()}}
        changed = " ".join(both.get(word, word) for word in row.split(" "))
        return changed if changed != row else None
    keys = list_features(row, relation)
    if len(keys) != 2 or row[keys[0]] == row[keys[1]]:
        return None
    return replace_features(row, {keys[0]: row[keys[1]], keys[1]: row[keys[0]]})


RELATION = RelationKind(
    name="symmetry",
    title="two inputs, or two words, change places, and the answer stays",
    changes={"swap": _swap},
    find_violation=find_change,
    whole=("swap",),
)
