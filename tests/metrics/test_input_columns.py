"""Columns of every form of input, and what changed in them in words."""

from __future__ import annotations

import numpy as np

from harness.core.dataset import Dataset
from harness.metrics.input_columns import code_columns, describe_change, list_input_columns, list_names


def test_columns_of_numbers_objects_and_texts() -> None:
    numbers = list_input_columns(Dataset("d", ([1.0, 2.0], [3.0, 4.0])), [1, 0])
    assert {name: column.tolist() for name, column in numbers.items()} == {"x[0]": [3, 1], "x[1]": [4, 2]}
    assert list(list_input_columns(Dataset("d", ([1.0],), names=("age",)), [0])) == ["age"]
    rows = ({"age": 3, "address": {"city": "Ulm"}, "tags": [1]}, {"age": None, "address": {"city": None}})
    data = Dataset("d", rows)
    assert list_names(data) == ("age", "address.city", "tags.0")
    columns = list_input_columns(data, [0, 1])
    assert columns["address.city"].tolist() == ["Ulm", ""]
    assert columns["age"].dtype.kind == "f"
    assert np.isnan(columns["age"][1])
    texts = list_input_columns(Dataset("d", ("one two", "one")), [0, 1])
    assert texts["words of the text"].tolist() == [2, 1]


def test_changes_are_said_in_words() -> None:
    before, now = np.arange(100.0), np.where(np.arange(100) < 20, np.nan, np.arange(100.0) + 50)
    assert describe_change(before, now) == "median 109.5, was 49.5, 20 % missing, was 0 %"
    was, new = np.array(["a"] * 9 + ["b"]), np.array(["a"] * 4 + ["c"] * 6)
    assert describe_change(was, new) == "'c' in 60 %, was 0 %"
    assert describe_change(was, np.array([""] * 10)) == "'nothing' in 100 %, was 0 %"
    assert code_columns(np.array([1.0, 2.0] * 50), np.array(["x", "y"] * 50)).levels == 4
