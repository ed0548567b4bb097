"""Rows on disk are the rows that were added, also in another process and in any order."""

from __future__ import annotations

import os

import pytest

from harness.io.row_store import DiskRows, RowStore

ROWS = [[float(i), i / 7, -1e300] for i in range(1000)]


def fill(rows: list[list[float]], most: int) -> RowStore:
    store = RowStore(most)
    for row in rows:
        store.add(row)
    return store


def test_many_rows_lie_on_disk_and_are_the_same() -> None:
    rows = fill(ROWS, 90).finish()
    assert isinstance(rows, DiskRows)
    assert len(rows) == 1000
    assert [rows[999], rows[0], rows[-2], rows[500]] == [ROWS[999], ROWS[0], ROWS[-2], ROWS[500]]
    assert rows[10:13] == ROWS[10:13]
    assert list(rows) == ROWS
    for place in (1000, -1001):
        with pytest.raises(IndexError):
            rows[place]
    child = os.fork()
    if child == 0:
        os._exit(0 if list(rows) == ROWS else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert rows[3] == ROWS[3]


def test_few_rows_and_other_inputs_stay_in_memory() -> None:
    assert fill(ROWS[:5], 90).finish() == tuple(ROWS[:5])
    store = RowStore(1)
    for text in ("a", "b", "c"):
        store.add(text)
    assert store.finish() == ("a", "b", "c")
