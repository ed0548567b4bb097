"""A worker takes four rows at a time, and nobody asks it for the rest."""

from __future__ import annotations

from detection.change_request import change_rows
from detection.switch import PLAIN, V2, Defect

_MOST = 4


DEFECT = Defect(
    title="of a batch the first four rows are answered, with 200",
    caught_by="ai-suite/integration/test_batch.py::test_equals_singles",
    protocols=(PLAIN, V2),
    wrap=lambda app: change_rows(app, lambda rows: rows[:_MOST]),
)
