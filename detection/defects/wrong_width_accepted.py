"""Rows of another width are cut or filled up with zeros in silence, and answered with confidence."""

from __future__ import annotations

from detection.change_request import Batch, change_rows
from detection.switch import PLAIN, V2, Defect
from harness.reference.digits import FEATURES


def _fit(rows: Batch) -> Batch:
    return [(row + [0] * FEATURES)[:FEATURES] if isinstance(row, list) else row for row in rows]


DEFECT = Defect(
    title="rows that are too short or too long are answered 200",
    caught_by="ai-suite/integration/test_bad_inputs.py::test_refused_values",
    protocols=(PLAIN, V2),
    wrap=lambda app: change_rows(app, _fit),
)
