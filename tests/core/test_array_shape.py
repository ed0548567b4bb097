"""Shapes of nested lists."""

from __future__ import annotations

from typing import Any

import pytest

from harness.core.array_shape import find_shape, reshape


@pytest.mark.parametrize(
    ("value", "sizes"), [(5, []), ([], [0]), ([1, 2], [2]), ([[1, 2, 3], [4]], [2, 3]), ([[[]]], [1, 1, 0])]
)
def test_shape_is_that_of_the_first_elements(value: Any, sizes: list[int]) -> None:
    assert find_shape(value) == sizes


@pytest.mark.parametrize("sizes", [[6], [2, 3], [3, 2], [1, 2, 3], [2, 3, 1]])
def test_a_flat_list_is_reshaped_in_row_major_order(sizes: list[int]) -> None:
    rows = reshape(range(6), sizes)
    assert find_shape(rows) == sizes
    for _ in sizes[1:]:
        rows = [number for row in rows for number in row]
    assert rows == [*range(6)]
