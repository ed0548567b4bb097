"""Nested lists and objects, as JSON has them: rows, tensors, messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any


def shape(value: Any) -> list[int]:
    """The sizes of nested lists by their first elements; empty for anything else."""
    return [len(value), *(shape(value[0]) if value else ())] if isinstance(value, list) else []


def shaped(flat: Sequence[Any], sizes: Sequence[int]) -> list[Any]:
    """A flat list in this shape, row by row."""
    found = list(flat)
    for size in reversed(sizes[1:]):
        found = [found[start : start + size] for start in range(0, len(found), max(size, 1))]
    return found


def leaves(value: Any) -> list[Any]:
    """What stands in nested lists and objects, in their order."""
    if isinstance(value, dict):
        value = list(value.values())
    return [leaf for each in value for leaf in leaves(each)] if isinstance(value, list) else [value]


def mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    """The nested lists and objects with each leaf changed, in their order."""
    if isinstance(value, list):
        return [mapped(each, change) for each in value]
    if isinstance(value, dict):
        return {name: mapped(each, change) for name, each in value.items()}
    return change(value)


def with_leaves(value: Any, given: Iterable[Any]) -> Any:
    """The nested lists and objects with other leaves, in their order. Raises `StopIteration` for too few of them."""
    coming = iter(given)
    return mapped(value, lambda _: next(coming))


def with_leaf(value: Any, at: int, new: Any) -> Any:
    """The nested lists and objects with another leaf at this place among them."""
    return with_leaves(value, [new if place == at else each for place, each in enumerate(leaves(value))])


def last_text(value: Any) -> int:
    """The place among the leaves of the last text; -1 where there is none."""
    return max((at for at, each in enumerate(leaves(value)) if isinstance(each, str)), default=-1)
