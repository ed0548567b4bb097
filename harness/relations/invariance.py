"""invariance: a change that means nothing leaves the answer as it is.

Tested in tests/robustness/test_relations.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.core.relation import Draws, Relation, RelationKind
from harness.relations._answers import find_change
from harness.relations._inputs import change_texts, find_feature_bounds, list_features, replace_features


def _change_case(text: str, relation: Relation, draws: Draws) -> str | None:
    forms = list(filter(text.__ne__, (text.upper(), text.lower(), text.title())))
    return forms[draws.randrange(len(forms))] if forms else None


def _change_whitespace(text: str, relation: Relation, draws: Draws) -> str | None:
    forms = (f"  {text}", f"{text} \n", text.replace(" ", "  "))
    changed = forms[draws.randrange(3)]
    return changed if changed != text else forms[0]


def _make_typos(text: str, relation: Relation, draws: Draws) -> str | None:
    """Two neighbouring letters within a word change places, in the share `size` of the words, in one at least."""
    words = text.split(" ")
    places = [place for place, word in enumerate(words) if len(word) > 3 and len(set(word[1:-1])) > 1]
    if not places:
        return None
    for _ in range(max(1, round(relation.size * len(words)))):
        place = places[draws.randrange(len(places))]
        word = words[place]
        at = 1 + draws.randrange(len(word) - 2)
        words[place] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    changed = " ".join(words)
    return changed if changed != text else None


def _add_noise(row: Any, relation: Relation, draws: Draws, rows: Sequence[Any]) -> Any:
    """Every number moves by at most the share `size` of its feature's range, and stays in it.

    Whole numbers are left alone, as is a feature of one value only.
    """
    moved = {}
    for key in list_features(row, relation):
        low, high = find_feature_bounds(rows, key)
        if type(row[key]) is float and low < high:
            far = relation.size * (high - low)
            moved[key] = draws.uniform(max(low, row[key] - far), min(high, row[key] + far))
    return replace_features(row, moved) if moved else None


def _change_unit(row: Any, relation: Relation, draws: Draws, rows: Sequence[Any]) -> Any:
    """The features times `factor`, and every text of `words` that names their unit replaced."""
    if isinstance(row, str) or not (isinstance(row, dict) or relation.features):
        return None
    values: dict[Any, Any] = {}
    for key, text in row.items() if isinstance(row, dict) else ():
        if isinstance(text, str) and text in relation.words:
            values[key] = relation.words[text]
    for key in list_features(row, relation):
        values[key] = row[key] * relation.factor
    changed = replace_features(row, values)
    return changed if changed != row else None


def _reverse_columns(row: Any, relation: Relation, draws: Draws, rows: Sequence[Any]) -> Any:
    return dict(reversed(row.items())) if isinstance(row, dict) and len(row) > 1 else None


def paraphrase_text(text: str, relation: Relation, draws: Draws) -> str | None:
    """The text in one of `templates`."""
    if not relation.templates:
        return None
    return relation.templates[draws.randrange(len(relation.templates))].replace("{text}", text)


def replace_words(text: str, relation: Relation, draws: Draws) -> str | None:
    """The text with each of `words` replaced where it stands as a word of its own."""
    changed = " ".join(relation.words.get(word, word) for word in text.split(" "))
    return changed if changed != text else None


RELATION = RelationKind(
    name="invariance",
    title="a change that means nothing leaves the answer as it is",
    changes={
        "noise": _add_noise,
        "case": change_texts(_change_case),
        "whitespace": change_texts(_change_whitespace),
        "typo": change_texts(_make_typos),
        "unit": _change_unit,
        "column_order": _reverse_columns,
        "paraphrase": change_texts(paraphrase_text),
        "words": change_texts(replace_words),
    },
    find_violation=find_change,
    whole=("unit",),
    graded=("noise",),
)
