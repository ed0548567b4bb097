"""Batches pass a kernel of whole numbers of four bits: 0.7 and 16 become 0 there, and stay in one row alone."""

from __future__ import annotations

from detection.change_request import Batch, change_rows
from detection.switch import PLAIN, V2, Defect


def _overflow(rows: Batch) -> Batch:
    return rows if len(rows) < 2 else [[int(value) % 16 for value in row] for row in rows]


DEFECT = Defect(
    title="in a batch, fractions are cut off and 16 overflows to 0",
    caught_by="ai-suite/integration/test_batch.py::test_equals_singles",
    protocols=(PLAIN, V2),
    wrap=lambda app: change_rows(app, _overflow),
)
