"""Places in JSON values: listed, read and replaced without a change to what was passed in."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.json_path import (
    find_paths,
    list_leaves,
    map_leaves,
    read_at,
    replace_at,
    replace_leaves,
    walk_values,
)

_LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=10,
)
BODY = {"rows": [[1, 2.5], [True]], "name": "x", "none": {}}


def test_walk_lists_parents_before_children() -> None:
    assert [path for path, _ in walk_values(BODY)] == [
        (),
        ("rows",),
        ("rows", 0),
        ("rows", 0, 0),
        ("rows", 0, 1),
        ("rows", 1),
        ("rows", 1, 0),
        ("name",),
        ("none",),
    ]


def test_find_paths_takes_exact_types() -> None:
    assert find_paths(BODY, int, float) == [("rows", 0, 0), ("rows", 0, 1)]
    assert find_paths(BODY, bool) == [("rows", 1, 0)]
    assert find_paths("x", str) == [()]


@given(_VALUES, st.integers())
def test_every_place_can_be_read_and_replaced(value: Any, new: int) -> None:
    before = copy.deepcopy(value)
    for path, child in walk_values(value):
        assert read_at(value, path) is child
        changed = replace_at(value, path, new)
        assert read_at(changed, path) == new
        assert replace_at(changed, path, child) == value
    assert value == before


@given(_VALUES)
def test_leaves_are_mapped_and_replaced_in_order(value: Any) -> None:
    leaves = list_leaves(value)
    assert replace_leaves(value, leaves) == value
    assert list_leaves(map_leaves(value, lambda leaf: (leaf,))) == [(leaf,) for leaf in leaves]


def test_a_place_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(KeyError):
        read_at(BODY, ("missing",))
    with pytest.raises(IndexError):
        replace_at(BODY, ("rows", 7), 0)
