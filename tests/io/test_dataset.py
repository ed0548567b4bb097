"""Labelled inputs from files: what is read, and that whatever is wrong is refused with its place."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.core.errors import ConfigError, UsageError
from harness.io import dataset
from harness.io.dataset import read_dataset


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_csv_rows_labels_groups_and_digest(tmp_path: Path) -> None:
    path = write(tmp_path, "d.csv", "\ufeffa,label, b ,site\n1,3,2.5,x\n-1e3,4, 0 ,\n")
    dataset = read_dataset(path, group="site", shape=(1, 2))
    assert dataset.inputs == ([1.0, 2.5], [-1000.0, 0.0])
    assert dataset.labels == (3, 4)
    assert dataset.groups == ("x", "")
    assert dataset.shape == (1, 2)
    assert dataset.digest == hashlib.sha256(path.read_bytes()).hexdigest()


def test_csv_takes_the_named_columns_text_and_class_names(tmp_path: Path) -> None:
    path = write(tmp_path, "d.csv", 'id,prompt,label\n1,"Hello,\nyou",yes\n2,5,007\n')
    dataset = read_dataset(path)
    assert dataset.inputs == ("Hello,\nyou", "5")
    assert dataset.labels == ("yes", "007")
    assert read_dataset(path, inputs=("id",)).inputs == ([1.0], [2.0])


def test_jsonl_and_npz(tmp_path: Path) -> None:
    path = write(tmp_path, "d.jsonl", '{"input": [1, 2], "label": 3}\n\n{"input": [0.5, 4], "label": [0.1, 1]}\n')
    assert read_dataset(path).inputs == ([1.0, 2.0], [0.5, 4.0])
    assert read_dataset(path).labels == (3, [0.1, 1])
    np.savez(
        tmp_path / "d.npz", x=np.arange(12).reshape(3, 2, 2), y=np.array([1, 2, 3]), group=np.array(["a", "b", ""])
    )
    dataset = read_dataset(tmp_path / "d.npz", group="group", shape=(2, 2))
    assert dataset.inputs[1] == [4.0, 5.0, 6.0, 7.0]
    assert (dataset.labels, dataset.groups, dataset.shape) == ((1, 2, 3), ("a", "b", ""), (2, 2))


@pytest.mark.parametrize(
    ("name", "content", "where", "message"),
    [
        ("d.txt", "x", "d.txt", "unknown kind of file '.txt'"),
        ("d.csv", "", "d.csv", "the file is empty"),
        ("d.csv", "a,label\n", "d.csv", "holds no rows"),
        ("d.csv", "a,b\n1,2\n", "d.csv:1", "label: there is no such column; known: a, b"),
        ("d.csv", "label\n2\n", "d.csv:1", "no column beside the label"),
        ("d.csv", "a,a,label\n1,2,3\n", "d.csv:1", "a: two columns have this name"),
        ("d.csv", "a,label\n1,2\nfive,3\n", "d.csv:3", "a: 'five' is not a number"),
        ("d.csv", "a,label\n1_0,2\n", "d.csv:2", "a: '1_0' is not a number"),
        ("d.csv", "a,label\nnan,2\n", "d.csv:2", "a: 'nan' is not finite"),
        ("d.csv", "a,label\n1,2\n1e999,2\n", "d.csv:3", "not finite"),
        ("d.csv", "a,label\n1,2,3\n", "d.csv:2", "3 cells where the header names 2"),
        ("d.csv", "a,label\n1,\n", "d.csv:2", "label: the label is missing"),
        ("d.csv", "a,label\n1,nan\n", "d.csv:2", "label: 'nan' is not finite"),
        ("d.csv", b"a,label\n\xff,2\n", "d.csv:", "not UTF-8"),
        ("d.csv", 'a,label\n"1,2\n', "d.csv:", "not CSV"),
        ("d.jsonl", "", "d.jsonl", "holds no rows"),
        ("d.jsonl", "{}\n", "d.jsonl:1", "input: there is no such key"),
        ("d.jsonl", '{"input": [1]}\n', "d.jsonl:1", "label: there is no such key"),
        ("d.jsonl", '{"input": [1], "label": 1}\n[1]\n', "d.jsonl:2", "a list; give an object"),
        ("d.jsonl", '{"input": [1], "label": 1}\n{"in\n', "d.jsonl:2", "not JSON"),
        ("d.jsonl", '{"input": [1, NaN], "label": 1}\n', "d.jsonl:1", "input[1]: nan is not finite"),
        ("d.jsonl", '{"input": [1, true], "label": 1}\n', "d.jsonl:1", "input[1]: True is not a number"),
        ("d.jsonl", '{"input": [[1]], "label": 1}\n', "d.jsonl:1", "input[0]: list [1] is not a number"),
        ("d.jsonl", '{"input": [1], "label": null}\n', "d.jsonl:1", "label: the label is missing"),
        ("d.jsonl", '{"input": [1], "label": 1}\n{"input": [1, 2], "label": 1}\n', "d.jsonl:2", "2 numbers"),
        ("d.jsonl", '{"input": [1], "label": 1}\n{"input": "a", "label": 1}\n', "d.jsonl:2", "the input is text"),
        (
            "d.jsonl",
            '{"input": [1], "label": 1}\n{"input": [1], "label": 9, "label": 3}\n',
            "d.jsonl:2",
            "'label' occurs 2",
        ),
        ("d.jsonl", '{"input": [1], "input": [2], "label": 9}\n', "d.jsonl:1", "the key 'input' occurs 2 times; leave"),
        ("d.jsonl", '{"input": [1], "label": {"a": 1, "a": 2}}\n', "d.jsonl:1", "the key 'a' occurs 2 times"),
        ("d.jsonl", b'{"input": "\xff", "label": 1}\n', "d.jsonl:1", "not UTF-8"),
        ("d.npz", "no archive", "d.npz", "not an NPZ file"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(
    tmp_path: Path, name: str, content: str | bytes, where: str, message: str
) -> None:
    path = write(tmp_path, name, content)
    with pytest.raises(ConfigError) as caught:
        read_dataset(path)
    assert caught.value.where.startswith(str(tmp_path / where))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.ones((2, 2))}, "y: there is no such array"),
        ({"x": np.ones((2, 2)), "y": np.ones(3)}, "y: shape [3], and x has [2, 2]"),
        ({"x": np.array([[1.0], [np.nan]]), "y": np.ones(2)}, "x[1][0]: nan is not finite"),
        ({"x": np.array([object()]), "y": np.ones(1)}, "pickled"),
        ({"x": np.ones((2, 2), complex), "y": np.ones(2)}, "x: dtype complex128"),
        ({"x": np.ones((0, 2)), "y": np.ones(0)}, "holds no rows"),
    ],
)
def test_wrong_arrays_are_refused(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    np.savez(tmp_path / "d.npz", **arrays)
    with pytest.raises(ConfigError) as caught:
        read_dataset(tmp_path / "d.npz")
    assert message in str(caught.value)


def test_missing_files_folders_shapes_and_caps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        read_dataset(tmp_path / "none.csv")
    lines = "".join(json.dumps({"input": [1, 2], "label": 1}) + "\n" for _ in range(4))
    path = write(tmp_path, "d.jsonl", lines)
    with pytest.raises(ConfigError, match="a row is 2 numbers"):
        read_dataset(path, shape=(3,))
    with pytest.raises(ConfigError, match="site: there is no such key"):
        read_dataset(path, group="site")
    monkeypatch.setattr(dataset, "_MOST_ROWS", 3)
    with pytest.raises(ConfigError, match="over 3 rows"):
        read_dataset(path)
    monkeypatch.setattr(dataset, "MOST_BYTES", 10)
    with pytest.raises(ConfigError, match="the file is over"):
        read_dataset(path)


def test_features_are_found_by_name_or_place_and_others_are_refused(tmp_path: Path) -> None:
    numbers = read_dataset(write(tmp_path, "n.csv", "age,sex,label\n1,0,3\n2,1,4\n"))
    assert numbers.find_features(["sex", 0]) == [1, 0]
    fields = read_dataset(write(tmp_path, "f.csv", "age,zip,label\n1,a,3\n2,b,4\n"))
    assert fields.find_features(["zip"]) == ["zip"]
    unnamed = read_dataset(write(tmp_path, "d.jsonl", '{"input": [1, 2], "label": 3}\n'))
    assert unnamed.find_features([1]) == [1]
    texts = read_dataset(write(tmp_path, "t.csv", "prompt,label\nhello,yes\n"))
    assert texts.find_features(["any"]) == ["any"]
    for data, feature, known in (
        (numbers, "sec", "known: age, sex. Did you mean 'sex'"),
        (numbers, 2, "known: age, sex"),
        (fields, "zap", "known: age, zip"),
        (unnamed, "age", "known: 0 to 1"),
    ):
        with pytest.raises(UsageError, match=known):
            data.find_features([feature])
