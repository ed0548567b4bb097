"""Batches go through a kernel with values of four bits: 16 becomes 0 there, and stays 16 in a request of one row."""

from __future__ import annotations

from starlette.types import ASGIApp

from harness.reference.defect import Defect
from harness.reference.remake import Rows, rebatching
from harness.reference.switch import PLAIN, V2


def _overflow(rows: Rows) -> Rows:
    return rows if len(rows) < 2 else [[value % 16 for value in row] for row in rows]


def _wrap(app: ASGIApp) -> ASGIApp:
    return rebatching(app, _overflow)


DEFECT = Defect(
    name="dtype_overflow",
    title="in a batch, values of 16 overflow to 0",
    caught_by="ai-suite/integration/test_batch.py::test_equals_singles",
    protocols=(PLAIN, V2),
    wrap=_wrap,
)
