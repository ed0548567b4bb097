"""Parquet has the rows that the same CSV file has, and its mistakes are named with row and column."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from harness.core.dataset import Facets
from harness.core.errors import ConfigError
from harness.io.dataset import read_dataset

pa = pytest.importorskip("pyarrow", reason="installed by the extra data, which make install has")


def write(folder: Path, **columns: list[Any]) -> Path:
    from pyarrow import parquet

    parquet.write_table(pa.table(columns), folder / "rows.parquet", row_group_size=2)
    return folder / "rows.parquet"


def test_the_rows_are_those_of_a_csv_file(tmp_path: Path) -> None:
    columns: dict[str, list[Any]] = {
        "a": [1.5, 2.0, 3.0],
        "b": [1, 2, 3],
        "region": ["n", "s", "n"],
        "label": [0, 1, 0],
    }
    (tmp_path / "rows.csv").write_text("a,b,region,label\n1.5,1,n,0\n2,2,s,1\n3,3,n,0\n")
    given = Facets(slices=("region",), weight="b")
    table = read_dataset(write(tmp_path, **columns), facets=given)
    text = read_dataset(tmp_path / "rows.csv", facets=given)
    for name in ("inputs", "labels", "columns", "weights", "names"):
        assert getattr(table, name) == getattr(text, name), name
    assert table.inputs == ([1.5], [2.0], [3.0])
    assert table.list_slices() == ["region=n", "region=s"]


def test_lists_texts_and_named_fields_are_inputs(tmp_path: Path) -> None:
    assert read_dataset(write(tmp_path, x=[[1, 2], [3, 4]], label=["a", "b"])).inputs == ([1.0, 2.0], [3.0, 4.0])
    assert read_dataset(write(tmp_path, prompt=["hi", "ho"], id=[1, 2], label=["a", "b"])).inputs == ("hi", "ho")
    fields = read_dataset(write(tmp_path, **{"p.age": [1, 2]}, ok=[True, False], label=[1, 2]))
    assert fields.inputs == ({"p": {"age": 1}, "ok": True}, {"p": {"age": 2}, "ok": False})
    empty = read_dataset(write(tmp_path, a=[1.0, None], b=["x", "y"], label=[1, 2]), missing="null")
    assert empty.inputs[1] == {"a": None, "b": "y"}


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"a": [1.0, None], "label": [1, 2]}, "row 1: a: is empty"),
        ({"a": [1.0, float("nan")], "label": [1, 2]}, "row 1: a: nan is not finite"),
        ({"a": [1.0, 2.0], "label": [1, None]}, "row 1: label: the label is missing"),
        ({"a": [1.0, 2.0], "lable": [1, 2]}, "Did you mean 'label'?"),
        ({"a": [[1, 2], [1]], "label": [1, 2]}, "row 1: the input is 1 numbers, and that of the first row 2 numbers"),
    ],
)
def test_mistakes_are_named_with_row_and_column(tmp_path: Path, columns: dict[str, list[Any]], words: str) -> None:
    path = write(tmp_path, **columns)
    if "lable" in columns:
        words = "lab"
    with pytest.raises(ConfigError, match=words.replace("?", r"\?")):
        read_dataset(path)


def test_a_broken_file_and_a_missing_pyarrow_are_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(ConfigError, match="not Parquet"):
        read_dataset(tmp_path / "bad.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigError, match=r"pip install 'aiharness\[data\]'"):
        read_dataset(tmp_path / "bad.parquet")
