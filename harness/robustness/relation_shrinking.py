"""Make a pair of inputs that breaks a relation small, and say in words where the two differ.

Tested in tests/robustness/test_relations.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

_HALVINGS = 6
"""How often the way of a number is halved."""


def shrink_change(
    row: Any, changed: Any, breaks: Callable[[Any, Any], bool], *, is_whole: bool = False, is_graded: bool = False
) -> tuple[Any, Any]:
    """Input and changed input with every single change taken back, and every word left out, that is not needed.

    A change that `is_whole` is not taken back in part: the rest would be another input, and no twin. Of one that
    `is_graded` each number is moved back by half of its way, as often as that still breaks the relation.
    """
    split = isinstance(row, str)
    one: Any = row.split(" ") if split else row
    other: Any = changed.split(" ") if split else changed
    if not isinstance(one, dict | list) or len(one) != len(other):
        return row, changed

    def join(part: Any) -> Any:
        return " ".join(part) if split else part

    if isinstance(one, dict) and list(one) != list(other):
        return row, changed
    for key in list_keys(one):
        if one[key] != other[key] and not is_whole:
            trial = {**other, key: one[key]} if isinstance(other, dict) else [*other[:key], one[key], *other[key + 1 :]]
            if breaks(row, join(trial)):
                other = trial
            elif is_graded:
                other = _halve(one, other, key, breaks)
    for place in reversed(range(len(one) if split else 0)):
        shorter, shorter_other = [*one[:place], *one[place + 1 :]], [*other[:place], *other[place + 1 :]]
        if len(one) > 1 and breaks(join(shorter), join(shorter_other)):
            one, other = shorter, shorter_other
    return join(one), join(other)


def _halve(row: Any, changed: Any, key: Any, breaks: Callable[[Any, Any], bool]) -> Any:
    """The changed row with one of its numbers as near to that of the row as halving brings it."""
    for _ in range(_HALVINGS):
        middle = row[key] + (changed[key] - row[key]) / 2
        if isinstance(row[key], int):
            middle = round(middle)
        if middle in (row[key], changed[key]):
            break
        trial = {**changed, key: middle} if isinstance(changed, dict) else [*changed[:key], middle, *changed[key + 1 :]]
        if not breaks(row, trial):
            break
        changed = trial
    return changed


def list_keys(row: Any) -> list[Any]:
    """The names of the fields of an object, or the places of a list."""
    if isinstance(row, dict):
        return list(row)
    return list(range(len(row)))


def describe_difference(row: Any, changed: Any, names: Sequence[str] = ()) -> str:
    """The features that differ, in words; `names` are those of the places of a list, where it has some."""
    parts = []
    for key in list_keys(row):
        if row[key] != changed[key]:
            parts.append(f"{names[key] if names else key} from {shorten(row[key])} to {shorten(changed[key])}")
    return (
        ", ".join(parts[:5]) + (f" and {len(parts) - 5} more" if len(parts) > 5 else "")
        or "its fields in another order"
    )


def shorten(value: Any) -> str:
    """The value as it is written, at most 80 characters of it."""
    return f"{value!r:.80}"
