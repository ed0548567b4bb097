"""Inputs as relations change them: rows of numbers, objects of named fields, and texts.

Tested in tests/robustness/test_relations.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from harness.core.relation import Draws, InputChange, Relation


def list_features(row: Any, relation: Relation) -> list[Any]:
    """The keys of the relation's features in this row: all that hold a number where it names none."""
    if isinstance(row, str):
        return []
    keys: list[Any] = list(row) if isinstance(row, dict) else list(range(len(row)))
    if relation.features:
        return list(filter(relation.features.__contains__, keys))
    return list(filter(lambda key: type(row[key]) in (int, float), keys))


def replace_features(row: Any, values: dict[Any, Any]) -> Any:
    """The row with these values in the places of these keys."""
    if isinstance(row, dict):
        return {**row, **values}
    changed = list(row)
    for key, value in values.items():
        changed[key] = value
    return changed


def change_texts(change: Callable[[str, Relation, Draws], str | None]) -> InputChange:
    """The change of a text as one of inputs: the text itself, or the texts among the features that are named."""

    def change_input(row: Any, relation: Relation, draws: Draws, rows: Sequence[Any]) -> Any:
        if isinstance(row, str):
            return change(row, relation, draws)
        keys = list_features(row, relation) if relation.features else []
        texts = {key: change(row[key], relation, draws) for key in keys if isinstance(row[key], str)}
        changed = {key: text for key, text in texts.items() if text is not None}
        return replace_features(row, changed) if changed else None

    return change_input


def find_feature_bounds(rows: Sequence[Any], key: Any) -> tuple[float, float]:
    """The smallest and the largest number of one feature in the data: what a service is likely to accept."""
    numbers = [row[key] for row in rows if type(row[key]) in (int, float)]
    return (min(numbers), max(numbers)) if numbers else (0.0, 0.0)
