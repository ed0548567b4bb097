from __future__ import annotations

from itertools import combinations, product

import hypothesis.strategies as st
from hypothesis import given

from harness.stats.covering import (
    Combination,
    cover_pairs,
    describe_combination,
    list_pairs,
    list_special,
    shrink_combination,
)

LEVELS = st.lists(st.integers(1, 3), min_size=2, max_size=6).map(
    lambda sizes: {f"o{place}": [f"{place}{value}" for value in range(size)] for place, size in enumerate(sizes)}
)


@given(LEVELS, st.integers(0, 2**32))
def test_each_two_values_meet(levels: dict[str, list[str]], seed: int) -> None:
    chosen = cover_pairs(levels, seed)
    met = set().union(*map(list_pairs, chosen))
    for one, other in combinations(levels, 2):
        for a, b in product(levels[one], levels[other]):
            assert frozenset(((one, a), (other, b))) in met
    assert all(list(combination) == list(levels) for combination in chosen)
    largest = sorted(map(len, levels.values()))[-2:]
    assert largest[0] * largest[1] <= len(chosen) <= 3 * largest[0] * largest[1] + 6
    assert chosen == cover_pairs(levels, seed)


@given(LEVELS, st.data())
def test_what_a_failure_needs_is_what_is_left(levels: dict[str, list[str]], data: st.DataObject) -> None:
    combination = {name: data.draw(st.sampled_from(values)) for name, values in levels.items()}
    needed = dict(data.draw(st.sets(st.sampled_from(sorted(combination.items())))))
    asked: list[Combination] = []

    def fails(candidate: Combination) -> bool:
        asked.append(candidate)
        return all(candidate[name] == value for name, value in needed.items())

    smallest = shrink_combination(levels, combination, fails)
    special = dict(list_special(levels, smallest))
    assert special == {name: value for name, value in needed.items() if value != levels[name][0]}
    assert len(asked) <= sum(len(values) - 1 for values in levels.values())
    assert describe_combination(levels, smallest) == (" and ".join(special.values()) or "nothing but plain options")
