"""A column with a missing value is taken out of the whole batch: every row has 0 there."""

from __future__ import annotations

from typing import Any

from detection.change_request import change_rows
from detection.switch import PLAIN, Defect


def _empty_columns(rows: list[Any]) -> list[Any]:
    if not all(isinstance(row, list) for row in rows):
        return rows
    empty = {place for row in rows for place, value in enumerate(row) if value is None}
    return [[0.0 if place in empty else value for place, value in enumerate(row)] for row in rows]


DEFECT = Defect(
    title="a row with a null takes its column from all rows of its batch",
    caught_by="ai-suite/integration/test_batch.py::test_equals_singles",
    protocols=(PLAIN,),
    wrap=lambda app: change_rows(app, _empty_columns),
)
