"""Labelled data with named fields: types of columns, missing cells, nested objects, renamed labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import ConfigError
from harness.io.dataset import read_dataset


def write(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content)
    return path


def test_columns_become_fields_of_their_type(tmp_path: Path) -> None:
    text = "age,income,region,member,address.city,label\n30,1e3,north,true,Rome,yes\n41,2.5,2020-01-02,False,Oslo,no\n"
    dataset = read_dataset(write(tmp_path, "d.csv", text))
    assert dataset.inputs == (
        {"age": 30, "income": 1000.0, "region": "north", "member": True, "address": {"city": "Rome"}},
        {"age": 41, "income": 2.5, "region": "2020-01-02", "member": False, "address": {"city": "Oslo"}},
    )
    assert type(dataset.inputs[0]["age"]) is int


def test_columns_of_numbers_stay_a_row_with_names(tmp_path: Path) -> None:
    dataset = read_dataset(write(tmp_path, "d.csv", "b,a,label\n1,2.5,x\n3,4,y\n"))
    assert (dataset.inputs, dataset.names) == (([1.0, 2.5], [3.0, 4.0]), ("b", "a"))


@pytest.mark.parametrize(
    ("missing", "inputs"),
    [("null", ({"a": 1, "b": None}, {"a": None, "b": "x"})), ("omit", ({"a": 1}, {"b": "x"}))],
)
def test_an_empty_cell_is_null_or_left_out(tmp_path: Path, missing: Any, inputs: Any) -> None:
    path = write(tmp_path, "d.csv", "a,b,label\n1,,0\n,x,1\n")
    assert read_dataset(path, missing=missing).inputs == inputs
    with pytest.raises(ConfigError, match=r"d.csv:2: b: is empty; fill it, or say with \[data\] missing"):
        read_dataset(path)


def test_a_column_has_the_type_that_is_configured(tmp_path: Path) -> None:
    path = write(tmp_path, "d.csv", "zip,label\n12345,0\n1234A,1\n")
    with pytest.raises(ConfigError, match=r"d.csv:3: zip: '1234A' is not a number; .*types = \{ zip = 'text' \}"):
        read_dataset(path)
    assert read_dataset(path, types={"zip": "text"}).inputs == ({"zip": "12345"}, {"zip": "1234A"})
    with pytest.raises(ConfigError, match="zip: '12345' is neither true nor false"):
        read_dataset(path, types={"zip": "boolean"})
    with pytest.raises(ConfigError, match="zap: there is no such column"):
        read_dataset(path, types={"zap": "text"})


def test_objects_of_jsonl_are_as_they_are(tmp_path: Path) -> None:
    text = '{"input": {"a": 1, "b": {"c": null}}, "label": 1}\n{"input": {"a": "x"}, "label": 0}\n'
    assert read_dataset(write(tmp_path, "d.jsonl", text)).inputs == ({"a": 1, "b": {"c": None}}, {"a": "x"})
    fields = write(tmp_path, "e.jsonl", '{"a": 1, "b": "x", "label": 1}\n')
    assert read_dataset(fields, inputs=("a", "b")).inputs == ({"a": 1, "b": "x"},)
    broken = write(tmp_path, "f.jsonl", '{"input": {"a": NaN}, "label": 1}\n')
    with pytest.raises(ConfigError, match=r"input\.a: nan is not finite"):
        read_dataset(broken)
    mixed = write(tmp_path, "g.jsonl", '{"input": {"a": 1}, "label": 1}\n{"input": [1], "label": 1}\n')
    with pytest.raises(ConfigError, match="the input is 1 numbers, and that of the first row an object"):
        read_dataset(mixed)


def test_labels_are_renamed_and_none_is_forgotten(tmp_path: Path) -> None:
    path = write(tmp_path, "d.csv", "a,label\n1,setosa\n2,virginica\n")
    assert read_dataset(path, labels={"setosa": 0, "virginica": 2}).labels == (0, 2)
    with pytest.raises(ConfigError, match=r"d.csv:3: label: the label 'virginica' is not in \[data\] labels"):
        read_dataset(path, labels={"setosa": 0})
    numbers = write(tmp_path, "e.csv", "a,label\n1,0\n")
    assert read_dataset(numbers, labels={"0": "setosa"}).labels == ("setosa",)
