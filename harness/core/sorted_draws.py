"""Sorted random numbers of which any one can be had without the others: a long schedule needs no list of its times."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import count
from statistics import NormalDist
from typing import overload

_LEAF = 64
"""Numbers that are drawn together: few, because a load generator's loop stands still meanwhile."""

_UNIT, _EPSILON = 2.0**-64, 2.0**-53
_NORMAL = NormalDist()


class SortedUniforms(Sequence[float]):
    """`count` uniform random numbers from `low` to `high`, sorted. `seed` determines them.

    The number in the middle has a beta distribution, and the numbers on both sides of it are sorted uniform numbers
    again (Devroye 1986, V.3): going down from half to half finds number k. What is kept does not grow with `count`.
    """

    def __init__(self, count: int, low: float, high: float, seed: int) -> None:
        self._count, self._low, self._high, self._seed = count, low, high, seed
        self._leaf: tuple[int, list[float]] = (0, [])

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, k: int) -> float: ...

    @overload
    def __getitem__(self, k: slice) -> list[float]: ...

    def __getitem__(self, k: int | slice) -> float | list[float]:
        if isinstance(k, slice):
            return [self[i] for i in range(*k.indices(self._count))]
        if not 0 <= k < self._count:
            raise IndexError(f"number {k} of {self._count}")
        first, numbers = self._leaf
        if first <= k < first + len(numbers):
            return numbers[k - first]
        return self._find_number(k)

    def _find_number(self, k: int) -> float:
        begin, end, low, high = 0, self._count, self._low, self._high
        while end - begin > _LEAF:
            middle = (begin + end) // 2
            number = low + self._draw_share(begin, middle, end) * (high - low)
            if k == middle:
                return number
            if k < middle:
                end, high = middle, number
            else:
                begin, low = middle + 1, number
        return self._fill_leaf(begin, end, low, high)[k - begin]

    def _draw_share(self, begin: int, middle: int, end: int) -> float:
        """Where the number `middle` lies between those before `begin` and from `end` on: a beta number."""
        draws = (_read_unit(b"%d:%d:%d:%d" % (self._seed, begin, end, i)) for i in count())
        below, above = draw_gamma(draws, middle - begin + 1), draw_gamma(draws, end - middle)
        return below / (below + above)

    def _fill_leaf(self, begin: int, end: int, low: float, high: float) -> list[float]:
        numbers = sorted(low + draw_uniform(self._seed, i) * (high - low) for i in range(begin, end))
        self._leaf = begin, numbers
        return numbers


def draw_uniform(seed: int, k: int) -> float:
    """The k-th random number in [0, 1) of a seed, the same on every machine and in any order of calls."""
    return _read_unit(b"%d:%d" % (seed, k))


def _read_unit(key: bytes) -> float:
    return int.from_bytes(blake2b(key, digest_size=8).digest(), "big") * _UNIT


def draw_gamma(draws: Iterator[float], shape: float) -> float:
    """A gamma number of this shape and the scale 1, made of uniform numbers (Marsaglia and Tsang 2000)."""
    boost = 1.0
    if shape < 1:
        boost, shape = max(next(draws), _UNIT) ** (1 / shape), shape + 1
    d = shape - 1 / 3
    while True:
        x = _NORMAL.inv_cdf(min(max(next(draws), _UNIT), 1 - _EPSILON))
        v = (1 + x / math.sqrt(9 * d)) ** 3
        if v > 0 and math.log(max(next(draws), _UNIT)) < x * x / 2 + d - d * v + d * math.log(v):
            return boost * d * v
