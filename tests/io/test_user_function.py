"""Rows of the user's own function, read like objects of JSONL."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.options import Options
from harness.core.errors import ConfigError
from tests.config.test_resolve import read

SUITE = Options(suites=("validation",))
CONFIG = """
[endpoint]
url = "http://127.0.0.1:9"
protocol = "plain_json"
sample = [[0.5, 0.5]]
[data]
file = "{name}"
"""
ROWS = """
import numpy as np

def rows():
    for number in range(5):
        yield {"input": np.arange(2) + number, "label": np.int64(number % 2), "kind": "x"}

def broken():
    yield {"input": [1.0], "label": 0}
    raise KeyError("gone")

def tuples():
    yield [1.0], 0

def strange():
    yield {"input": object(), "label": 0}
"""


@pytest.fixture(autouse=True)
def _beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_rows.py").write_text(ROWS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))


def test_rows_and_their_arrays_are_read(tmp_path: Path) -> None:
    data = read(tmp_path, CONFIG.format(name="own_rows:rows") + 'slices = ["kind"]\n', SUITE).data
    assert data is not None
    assert data.dataset is not None
    assert [list(row) for row in data.dataset.inputs] == [[n, n + 1] for n in range(5)]
    assert data.dataset.labels == (0, 1, 0, 1, 0)
    assert data.dataset.list_slices() == ["kind=x"]
    assert data.dataset.digest


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("own_rows:broken", "failed after row 1: KeyError: 'gone'"),
        ("own_rows:tuples", "row 1 is a tuple; yield a dict"),
        ("own_rows:strange", "an input or a label of type object is not a value of JSON"),
        ("own_rows:missing", "has no function 'missing'"),
        ("no_such_module:rows", "cannot be imported: ModuleNotFoundError"),
        ("own_rows.py", "or module:function"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, name: str, part: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, CONFIG.format(name=name), SUITE)
    assert part in str(caught.value)
