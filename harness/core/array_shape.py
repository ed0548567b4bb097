"""Shapes of arrays that are written as nested lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def find_shape(value: Any) -> list[int]:
    """The sizes of nested lists, taken from the first element of each; empty for anything that is not a list."""
    if not isinstance(value, list):
        return []
    return [len(value), *(find_shape(value[0]) if value else ())]


def reshape(flat: Sequence[Any], sizes: Sequence[int]) -> list[Any]:
    """A flat list as nested lists of these sizes, in row-major order."""
    rows = list(flat)
    for size in reversed(sizes[1:]):
        rows = [rows[start : start + size] for start in range(0, len(rows), max(size, 1))]
    return rows
