"""Make a failing JSON value smaller, one removal or simplification at a time, until none is left that still fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from harness.core.json_path import replace_at, walk_values


@dataclass(slots=True)
class SearchStopped(BaseException):
    """The budget is spent. No `Exception`: what drives the search must not take it for a finding."""

    why: str = ""


def minimise_value(value: Any, fails: Callable[[Any], bool]) -> Any:
    """The value after no step of `steps` leads to one that fails. `fails` may raise `Enough`, which is passed on.

    Large steps come first; after one that fails still, the search begins again with what it left.
    """
    tried = True
    while tried:
        tried = False
        for simpler in _steps(value):
            if fails(simpler):
                value, tried = simpler, True
                break
    return value


def _steps(value: Any) -> Iterator[Any]:
    """Simpler values, each by one step: parts of lists and objects left out, whole lists of numbers and single values
    made simple. Every single removal and simplification is among them.
    """
    places = list(walk_values(value))
    for path, found in places:
        for smaller in _shorter(found):
            yield replace_at(value, path, smaller)
    yield from _shorter_together(value)
    for path, found in places:
        if isinstance(found, list) and len(found) > 1 and all(type(each) in (int, float) for each in found):
            for flat in _flatter(found):
                yield replace_at(value, path, flat)
    for path, found in places:
        for simpler in _simpler(found):
            yield replace_at(value, path, simpler)


def _shorter(value: Any) -> Iterator[Any]:
    """A list, an object or a text with parts left out, the large parts first."""
    if isinstance(value, dict):
        for name in value:
            yield {other: each for other, each in value.items() if other != name}
    elif isinstance(value, list | str):
        size = len(value)
        while size:
            for start in range(0, len(value), size):
                yield _without(value, start, size)
            size //= 2


def _without(value: Any, start: int, size: int) -> Any:
    return value[:start] + value[start + size :]


def _shorter_together(value: Any) -> Iterator[Any]:
    """An object whose lists all lose the same entry: the rows of several inputs belong together."""
    for path, found in walk_values(value):
        if not isinstance(found, dict) or len(found) < 2:
            continue
        lengths = {len(each) if isinstance(each, list) else -1 for each in found.values()}
        if len(lengths) == 1 and (length := lengths.pop()) > 1:
            for index in range(length):
                yield replace_at(value, path, {name: each[:index] + each[index + 1 :] for name, each in found.items()})


def _flatter(numbers: list[Any]) -> Iterator[list[Any]]:
    """The list with all its numbers, or halves, quarters, ... of them, made the simplest."""
    size = len(numbers)
    while size > 1:
        for start in range(0, len(numbers), size):
            part = numbers[start : start + size]
            if any(part):
                yield numbers[:start] + [type(each)(0) for each in part] + numbers[start + size :]
        size = (size + 1) // 2


def _simpler(value: Any) -> Iterator[Any]:
    """Simpler values of the same kind: `false`, numbers nearer to zero, whole and positive, plainer letters."""
    if value is True:
        yield False
    elif isinstance(value, str):
        for index, letter in enumerate(value):
            if letter != "a":
                yield value[:index] + "a" + value[index + 1 :]
    elif type(value) in (int, float) and value != 0:
        yield from _nearer(value)


def _nearer(value: Any) -> Iterator[Any]:
    """Numbers simpler than this one, the simplest first: a bisection towards it, so that a threshold is found fast."""
    kind = type(value)
    yield kind(0)
    if abs(value) != 1:
        yield kind(1)
    if value < 0:
        yield -value
        if value < -1:
            yield kind(-1)
    whole = int(value)
    if kind is float and whole != value:
        yield float(whole)
        if abs(value) < 1:
            return
    distance = abs(whole)
    while (distance := distance // 2) and abs(whole) - distance >= 1:
        sign = 1 if value > 0 else -1
        yield kind(sign * (abs(whole) - distance))
