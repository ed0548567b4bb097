"""direction: a change that means something moves the score the way it should, by more than the tolerance.

Tested in tests/robustness/test_relations.py.
"""

from __future__ import annotations

from harness.core.relation import Reading, Relation, RelationKind
from harness.relations._answers import find_wrong_way
from harness.relations._inputs import change_texts
from harness.relations.invariance import paraphrase_text, replace_words


def _find_violation(before: Reading, after: Reading, relation: Relation) -> str | None:
    return find_wrong_way(before, after, relation, max(relation.tolerance, 1e-9))


RELATION = RelationKind(
    name="direction",
    title="a change that means something moves the score the way it should",
    changes={"text": change_texts(paraphrase_text), "words": change_texts(replace_words)},
    find_violation=_find_violation,
)
