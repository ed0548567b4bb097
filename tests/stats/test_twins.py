"""Twins: equal rows, rows that differ by noise, texts that differ by a word; unlike ones are none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.stats.twins import NearNumbers, find_equal, find_near_texts

GENERATOR = np.random.default_rng(3)
TEXT = "the quick brown fox jumps over the lazy dog and runs far into the dark forest where nobody has seen it again"


@pytest.mark.parametrize(
    ("queries", "others", "twins"),
    [
        ([[1.0, 2.0], [3.0, 4.0]], [[0.0, 0.0], [3.0, 4.0], [3.0, 4.0]], [-1, 1]),
        (["a", "b"], ["b", "c"], [-1, 0]),
        ([{"x": 1, "y": "n"}, {"x": 2}], [{"y": "n", "x": 1}], [0, -1]),
    ],
)
def test_equal_rows_are_twins(queries: list[Any], others: list[Any], twins: list[int]) -> None:
    assert find_equal(queries, others, [-1, -1]) == twins


def test_a_row_is_no_twin_of_itself() -> None:
    rows = [[1.0], [2.0], [1.0], [3.0]]
    assert find_equal(rows, rows, range(4)) == [2, -1, 0, -1]
    assert NearNumbers(rows).find(rows, rows, range(4)) == [2, -1, 0, -1]
    texts = [TEXT, "another text of many words that has nothing in common with it", TEXT]
    assert find_near_texts(texts, texts, range(3)) == [2, -1, 0]


@pytest.mark.parametrize("width", [2, 64])
def test_rows_with_a_little_noise_are_twins_and_others_are_not(width: int) -> None:
    scales = 10.0 ** GENERATOR.integers(-3, 4, width)
    others = GENERATOR.normal(5, 1, (6000, width)) * scales
    noisy = others[[7, 5000]] + GENERATOR.normal(0, 0.001, (2, width)) * scales
    foreign = (5 + 8 * np.ones((1, width))) * scales
    queries = [*noisy.tolist(), *foreign.tolist()]
    assert NearNumbers(others[:2000].tolist()).find(queries, others.tolist(), [-1] * 3) == [7, 5000, -1]


def test_fields_that_are_no_numbers_must_be_equal() -> None:
    rows: list[Any] = [{"age": float(i), "region": "north" if i % 2 else "south", "tags": [1, None]} for i in range(40)]
    queries = [{**rows[3], "age": 3.0001}, {**rows[3], "region": "south"}, {"age": 3.0}]
    assert NearNumbers(rows).find(queries, rows, [-1] * 3) == [3, -1, -1]


def test_constant_columns_and_equal_rows_have_no_distance() -> None:
    rows = [[1.0, 5.0]] * 10
    assert NearNumbers(rows).find([[1.0, 5.0]], rows, [-1]) == [0]
    sparse = [[0.0, float(i == 3)] for i in range(50)]
    assert NearNumbers(sparse).find([[0.0, 1.0]], sparse, [-1]) == [3]


def test_texts_with_another_word_or_case_are_twins_and_others_are_not() -> None:
    changed = TEXT.replace("lazy", "sleepy").upper() + "!"
    mixed = " ".join(reversed(TEXT.split()))
    queries = [changed, mixed, "the quick brown fox", ""]
    assert find_near_texts(queries, ["something else", TEXT], [-1] * 4) == [1, -1, -1, -1]
