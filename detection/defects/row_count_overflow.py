"""The number of rows is kept in a signed byte: 128 rows and more are answered as n modulo 128."""

from __future__ import annotations

from detection.change_request import Batch, change_rows
from detection.switch import PLAIN, V2, Defect

_TOO_MANY = 128


def _wrap_rows(rows: Batch) -> Batch:
    return rows if len(rows) < _TOO_MANY else rows[: len(rows) % _TOO_MANY or 1]


DEFECT = Defect(
    title="of 128 rows and more, n modulo 128 are answered, with 200",
    caught_by="ai-suite/integration/test_limits.py::test_rows",
    protocols=(PLAIN, V2),
    wrap=lambda app: change_rows(app, _wrap_rows),
)
