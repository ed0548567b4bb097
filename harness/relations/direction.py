"""direction: a change that means something moves the score the way it should, by more than the tolerance.

Tested in tests/robustness/test_relations.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.core.relation import Draws, Reading, Relation, RelationKind
from harness.relations._answers import find_wrong_way
from harness.relations.invariance import replace_words


def _add_text(row: Any, relation: Relation, draws: Draws, rows: Sequence[Any]) -> Any:
    if not isinstance(row, str) or not relation.templates:
        return None
    return relation.templates[draws.randrange(len(relation.templates))].replace("{text}", row)


def _find_violation(before: Reading, after: Reading, relation: Relation) -> str | None:
    return find_wrong_way(before, after, relation, max(relation.tolerance, 1e-9))


RELATION = RelationKind(
    name="direction",
    title="a change that means something moves the score the way it should",
    changes={"text": _add_text, "words": replace_words},
    find_violation=_find_violation,
)
