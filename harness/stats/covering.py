"""Combinations of options in which each two values meet, and the smallest part of one that still fails.

Tested in tests/stats/test_covering.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations, product
from operator import itemgetter

import numpy as np

Levels = Mapping[str, Sequence[str]]
"""The values of each option, in words; the first one is the plain one."""
Combination = dict[str, str]
"""One value of each option."""
_Setting = tuple[str, str]
"""An option and one of its values."""
_DRAWS = 8
"""Combinations of which the one with most new pairs is taken."""


def cover_pairs(levels: Levels, seed: int) -> list[Combination]:
    """Few combinations in which each value of each option meets each value of each other one, by the seed.

    A greedy search (Cohen et al. 1997, AETG): each combination is the best of some drawn ones.
    """
    generator = np.random.default_rng(seed)
    missing: set[frozenset[_Setting]] = set()
    for one, other in combinations(levels, 2):
        for a, b in product(levels[one], levels[other]):
            missing.add(frozenset(((one, a), (other, b))))
    chosen: list[Combination] = []
    while missing:
        drawn = [_draw_combination(levels, missing, generator) for _ in range(_DRAWS)]
        chosen.append(max(drawn, key=lambda combination: len(missing & list_pairs(combination))))
        missing -= list_pairs(chosen[-1])
    return chosen


def list_pairs(combination: Combination) -> set[frozenset[_Setting]]:
    """Each two settings of a combination."""
    return set(map(frozenset, combinations(combination.items(), 2)))


def _draw_combination(levels: Levels, missing: set[frozenset[_Setting]], generator: np.random.Generator) -> Combination:
    """A combination that begins with a pair which is missing, and adds the values with most such pairs."""
    waiting = sorted(map(sorted, missing))
    combination = dict(waiting[generator.integers(len(waiting))])
    for name in generator.permutation(sorted(set(levels) - set(combination))).tolist():
        values = generator.permutation(levels[name]).tolist()
        combination[name] = max(values, key=lambda value: _count_new(name, value, combination, missing))
    return {name: combination[name] for name in levels}


def _count_new(name: str, value: str, combination: Combination, missing: set[frozenset[_Setting]]) -> int:
    return len(missing & list_pairs({**combination, name: value}))


def shrink_combination(levels: Levels, combination: Combination, fails: Callable[[Combination], bool]) -> Combination:
    """The combination with as many plain values as possible, as long as it fails; it has failed already.

    Of each option the values before its own are tried in their order, once.
    """
    smallest = combination
    for name, value in list_special(levels, combination):
        for plainer in levels[name][: levels[name].index(value)]:
            candidate = {**smallest, name: plainer}
            if fails(candidate):
                smallest = candidate
                break
    return smallest


def list_special(levels: Levels, combination: Combination) -> Iterator[_Setting]:
    """The settings of a combination that are not plain."""
    for name, value in combination.items():
        if value != levels[name][0]:
            yield name, value


def describe_combination(levels: Levels, combination: Combination) -> str:
    """The special settings in words."""
    return " and ".join(map(itemgetter(1), list_special(levels, combination))) or "nothing but plain options"
