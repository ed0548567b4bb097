"""Threat models: distances, what may be sent, and projections onto what columns allow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.threat import Column, Distance, Norm, TextDistance, count_edits


@pytest.mark.parametrize(("norm", "distance"), [(Norm.LINF, 0.4), (Norm.L2, 0.5), (Norm.L0, 2.0), (Norm.SEVERITY, 0.4)])
def test_each_norm_measures_its_own_way(norm: Norm, distance: float) -> None:
    assert Distance(1.0, norm=norm).between([0.0, 0.5, 0.2], [0.3, 0.9, 0.2]) == pytest.approx(distance)


def test_a_row_within_the_box_may_be_sent_and_is_a_finding_within_eps_alone() -> None:
    distance = Distance(0.1)
    assert distance.admits([0.5], [0.9])
    assert not distance.allows([0.5], [0.9])
    assert distance.allows([0.5], [0.6])
    assert not distance.admits([0.5], [1.01])


def test_costs_of_features_add_up() -> None:
    distance = Distance(3, 0, 9, Norm.L0, (Column(cost=2.5), Column(), Column(cost=0.5)))
    assert distance.between([1.0, 1.0, 1.0], [2.0, 1.0, 3.0]) == 3.0
    assert distance.allows([1.0, 1.0, 1.0], [2.0, 1.0, 3.0])
    assert not distance.allows([1.0, 1.0, 1.0], [2.0, 2.0, 1.0])


@pytest.mark.parametrize(
    ("column", "original", "value", "expected"),
    [
        (Column(), 5.0, 12.0, 10.0),
        (Column(immutable=True), 5.0, 7.0, 5.0),
        (Column(integer=True), 5.0, 7.4, 7.0),
        (Column(integer=True, high=7.2), 5.0, 9.0, 7.0),
        (Column(integer=True, low=6.5), 7.0, 1.0, 7.0),
        (Column(low=-3.0, high=20.0), 5.0, 15.0, 15.0),
        (Column(direction="up"), 5.0, 3.0, 5.0),
        (Column(direction="down"), 5.0, 9.0, 5.0),
        (Column(categories=[1.0, 4.0, 9.0]), 1.0, 6.0, 4.0),
        (Column(categories=[1.0, 4.0, 9.0]), 1.0, 6.5, 4.0),
    ],
)
def test_the_nearest_value_that_a_column_allows(column: Column, original: float, value: float, expected: float) -> None:
    distance = Distance(100, 0.0, 10.0, columns=(column,))
    assert distance.project([original], [value]) == [expected]
    assert distance.admits([original], [expected])
    if expected != value:
        assert not distance.admits([original], [value])


columns = st.one_of(
    st.builds(Column, immutable=st.booleans(), integer=st.booleans(), direction=st.sampled_from(["", "up", "down"])),
    st.builds(Column, low=st.floats(-5, 0), high=st.floats(1, 5), integer=st.booleans()),
    st.just(Column(categories=[0.0, 2.0, 5.0])),
)


@given(st.lists(st.tuples(columns, st.integers(0, 5), st.floats(-20, 20)), min_size=1, max_size=6))
def test_a_projected_row_may_always_be_sent(cells: list[tuple[Column, int, float]]) -> None:
    distance = Distance(1e9, -10.0, 10.0, columns=tuple(column for column, _, _ in cells))
    original = [5.0 if column.categories else float(value) for column, value, _ in cells]
    row = distance.project(original, [value for _, _, value in cells])
    assert distance.admits(original, row)
    assert distance.project(original, row) == row


def test_an_original_outside_its_own_columns_may_stay_where_it_is() -> None:
    distance = Distance(1, 0.0, 1.0, Norm.L0, (Column(low=0.0, high=0.5), Column()))
    assert distance.admits([0.9, 0.1], [0.9, 0.2])
    assert not distance.admits([0.9, 0.1], [0.8, 0.1])


def test_a_relation_between_columns_is_asked_with_both_rows() -> None:
    distance = Distance(1, fits=lambda before, after: after[0] <= before[1])
    assert distance.admits([0.1, 0.5], [0.5, 0.5])
    assert not distance.admits([0.1, 0.5], [0.6, 0.5])


@pytest.mark.parametrize(
    ("column", "key"),
    [
        (Column(low=2, high=1), "high"),
        (Column(categories=[1.0], integer=True), "categories"),
        (Column(categories=["a"], low=0.0), "categories"),
    ],
)
def test_columns_that_contradict_themselves_are_refused(column: Column, key: str) -> None:
    problem = column.find_problem()
    assert problem
    assert problem[0] == key


def levenshtein(one: str, other: str) -> int:
    """The textbook recursion."""
    if not one or not other:
        return len(one) + len(other)
    if one[0] == other[0]:
        return levenshtein(one[1:], other[1:])
    return 1 + min(levenshtein(one[1:], other), levenshtein(one, other[1:]), levenshtein(one[1:], other[1:]))


@given(st.text("ab", max_size=6), st.text("ab", max_size=6))
def test_edits_are_counted_as_the_textbook_does(one: str, other: str) -> None:
    assert count_edits(one, other) == levenshtein(one, other) == count_edits(other, one)


def test_a_text_keeps_something_and_its_edits() -> None:
    distance = TextDistance(2)
    assert distance.allows("good", "g00d")
    assert not distance.allows("good", "g00ds")
    assert distance.admits("good", "anything")
    assert not distance.admits("good", " ")
