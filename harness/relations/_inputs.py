"""Inputs as relations change them: rows of numbers, objects of named fields, and texts.

Tested in tests/robustness/test_relations.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.core.relation import Relation


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


def find_range(rows: Sequence[Any], key: Any) -> float:
    """How far apart the numbers of one feature are; 1 where they are all the same."""
    numbers = [row[key] for row in rows if type(row[key]) in (int, float)]
    return float(max(numbers) - min(numbers)) or 1.0 if numbers else 1.0
