"""Twins: of each row one that is equal or nearly equal among other rows, which are read once, one after another.

Numbers are nearly equal whose distance, each scaled by its spread (without its outermost hundredths), is at most a
twentieth of that of two random rows; what is no number must be equal. Texts are nearly equal that share seven in
ten of their three-word sequences (Jaccard), whatever their case and punctuation; a paraphrase is not seen. Tested in
tests/stats/test_twins.py.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

_Values = NDArray[np.float64]
_REACH, _PAIRS = 0.05, 2000
_USUAL, _LEAST = (0.01, 0.99), 10
_WORDS, _ALIKE = 3, 0.7
_AT_ONCE = 4096
_WORD = re.compile(r"\w+")

Finder = Callable[[Sequence[Any], Sequence[Any], Sequence[int]], list[int]]
"""Of each query the place of a twin among the others, -1 without one. The third argument has the place at which each
query itself stands among the others, which is no twin, or -1."""


def find_equal(queries: Sequence[Any], others: Sequence[Any], own: Sequence[int]) -> list[int]:
    """Twins that are equal."""
    places = defaultdict(list)
    for place, row in enumerate(queries):
        places[_make_key(row)].append(place)
    twins = [-1] * len(queries)
    for number, row in enumerate(others):
        for place in places.get(_make_key(row), ()):
            if twins[place] < 0 and number != own[place]:
                twins[place] = number
    return twins


def find_near_texts(queries: Sequence[str], others: Sequence[str], own: Sequence[int]) -> list[int]:
    """Twins among texts that are nearly equal."""
    shingles = list(map(_list_shingles, queries))
    places = defaultdict(list)
    for place, sequences in enumerate(shingles):
        for sequence in sequences:
            places[sequence].append(place)
    twins = [-1] * len(queries)
    for number, text in enumerate(others):
        sequences = _list_shingles(text)
        shared = Counter(place for sequence in sequences for place in places.get(sequence, ()))
        for place, count in shared.items():
            union = len(sequences) + len(shingles[place]) - count
            if count >= _ALIKE * union and twins[place] < 0 and number != own[place]:
                twins[place] = number
    return twins


class NearNumbers:
    """Finds twins among rows of numbers or named fields. `sample` are rows by which the numbers are scaled."""

    def __init__(self, sample: Sequence[Any]) -> None:
        fields: dict[str, float] = {}
        if isinstance(sample[0], dict):
            fields.update(chain.from_iterable(map(_list_numbers, sample)))
        self._names = tuple(sorted(fields))
        rows, _ = self._split(sample)
        spread = np.clip(rows, *np.quantile(rows, _USUAL, axis=0)).std(axis=0)
        spread = np.maximum(spread, rows.std(axis=0) / _LEAST)
        self._scale = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 0)
        pairs = np.random.default_rng(0).integers(0, len(rows), (2, _PAIRS))
        distances = np.sqrt((((rows[pairs[0]] - rows[pairs[1]]) * self._scale) ** 2).sum(axis=1))
        self._reach = _REACH * float(np.median(distances))

    def find(self, queries: Sequence[Any], others: Sequence[Any], own: Sequence[int]) -> list[int]:
        """Twins that are nearly equal."""
        numbers, keys = self._split(queries)
        numbers, own_places = numbers * self._scale, np.asarray(own)[:, None]
        lengths = (numbers**2).sum(axis=1)[:, None]
        nearest, twins = np.full(len(queries), np.inf), np.full(len(queries), -1)
        for start, portion in _cut_into_portions(others):
            rows, other_keys = self._split(portion)
            rows = rows * self._scale
            squares = lengths + (rows**2).sum(axis=1) - 2 * numbers @ rows.T
            squares[keys[:, None] != other_keys] = np.inf
            squares[own_places == np.arange(start, start + len(rows))] = np.inf
            closest = squares.argmin(axis=1)
            least = squares[np.arange(len(queries)), closest]
            twins = np.where(least < nearest, closest + start, twins)
            nearest = np.minimum(nearest, least)
        rounding = 1e-9 * lengths[:, 0]
        places: list[int] = np.where(nearest <= self._reach**2 + rounding, twins, -1).tolist()
        return places

    def _split(self, rows: Sequence[Any]) -> tuple[_Values, NDArray[np.int64]]:
        """The numbers of each row, shape (n, width), and a hash of everything else in it."""
        if isinstance(rows[0], list):
            return np.asarray(rows, dtype=float), np.zeros(len(rows), np.int64)
        values, keys = np.zeros((len(rows), len(self._names))), np.zeros(len(rows), np.int64)
        for place, row in enumerate(rows):
            numbers = dict(_list_numbers(row))
            values[place] = [numbers.get(name, 0.0) for name in self._names]
            others = {name: str(value) for name, value in _list_fields(row, "") if name not in numbers}
            keys[place] = hash((frozenset(numbers), frozenset(others.items())))
        return values, keys


def _cut_into_portions(rows: Sequence[Any]) -> Iterator[tuple[int, list[Any]]]:
    remaining = iter(rows)
    for start in range(0, len(rows), _AT_ONCE):
        yield start, list(islice(remaining, _AT_ONCE))


def _list_numbers(row: Any) -> Iterator[tuple[str, float]]:
    for name, value in _list_fields(row, ""):
        if type(value) in (int, float):
            yield name, float(value)


def _list_fields(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _list_fields(part, f"{name}.{key}")
    elif isinstance(value, list):
        for place, part in enumerate(value):
            yield from _list_fields(part, f"{name}.{place}")
    else:
        yield name, value


def _make_key(row: Any) -> Any:
    if isinstance(row, str):
        return row
    return json.dumps(row, sort_keys=True) if isinstance(row, dict) else tuple(row)


def _list_shingles(text: str) -> set[int]:
    words = _WORD.findall(text.casefold())
    return {hash(tuple(words[start : start + _WORDS])) for start in range(max(1, len(words) - _WORDS + 1))}
