"""Rows of a batch are smoothed with the batch's first one: padding and normalisation reach over rows."""

from __future__ import annotations

from detection.change_request import Batch, change_rows
from detection.switch import PLAIN, V2, Defect

_SHARE = 0.3


def _mix(rows: Batch) -> Batch:
    return [[(1 - _SHARE) * own + _SHARE * first for own, first in zip(row, rows[0], strict=True)] for row in rows]


DEFECT = Defect(
    title="a row's answer depends on the other rows of its batch",
    caught_by="ai-suite/integration/test_batch.py::test_equals_singles",
    protocols=(PLAIN, V2),
    wrap=lambda app: change_rows(app, lambda rows: _mix(rows) if len(rows) > 1 else rows),
)
