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


def find_feature_bounds(rows: Sequence[Any], key: Any) -> tuple[float, float]:
    """The smallest and the largest number of one feature in the data: what a service is likely to accept."""
    numbers = [row[key] for row in rows if type(row[key]) in (int, float)]
    return (min(numbers), max(numbers)) if numbers else (0.0, 0.0)
