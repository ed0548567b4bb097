"""Places in JSON values (nested lists and objects): list, read and replace them. Nothing that is passed in changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

JSONPath = tuple[str | int, ...]
"""Keys and indices that lead from a JSON value to a place in it; empty for the value itself."""


def walk_values(value: Any, path: JSONPath = ()) -> Iterator[tuple[JSONPath, Any]]:
    """Every place with the value there: the value itself, then what it contains, in document order."""
    yield path, value
    if isinstance(value, dict):
        for key, child in value.items():
            yield from walk_values(child, (*path, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from walk_values(child, (*path, index))


def read_at(value: Any, path: JSONPath) -> Any:
    """The value at a place. Raises `KeyError` or `IndexError` where there is no such place."""
    for step in path:
        value = value[step]
    return value


def replace_at(value: Any, path: JSONPath, new: Any) -> Any:
    """A copy of the value with another one at a place."""
    if not path:
        return new
    step, *rest = path
    copy = value.copy()
    copy[step] = replace_at(value[step], tuple(rest), new)
    return copy


def find_paths(value: Any, *types: type) -> list[JSONPath]:
    """The places of all values of exactly these types (`int` does not include `bool`), in document order."""
    return [path for path, child in walk_values(value) if type(child) in types]


def list_leaves(value: Any) -> list[Any]:
    """Every value that is neither a list nor an object, in document order."""
    return [child for _, child in walk_values(value) if not isinstance(child, list | dict)]


def map_leaves(value: Any, change: Callable[[Any], Any]) -> Any:
    """A copy of the value with `change` applied to each leaf, in document order."""
    if isinstance(value, list):
        return [map_leaves(child, change) for child in value]
    if isinstance(value, dict):
        return {key: map_leaves(child, change) for key, child in value.items()}
    return change(value)


def replace_leaves(value: Any, leaves: Iterable[Any]) -> Any:
    """A copy of the value with these leaves, in document order. Raises `StopIteration` if there are too few."""
    remaining = iter(leaves)
    return map_leaves(value, lambda _: next(remaining))


def nest_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields as an object, in which `address.city` becomes the field `city` of the object `address`."""
    nested: dict[str, Any] = {}
    for name, value in fields.items():
        *outer, last = name.split(".")
        place = nested
        for step in outer:
            place = place.setdefault(step, {})
        place[last] = value
    return nested
