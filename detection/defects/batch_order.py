"""A batch comes back in the order in which its rows were done, not in the one in which they were asked."""

from __future__ import annotations

from detection.change_request import change_rows
from detection.switch import PLAIN, V2, Defect

DEFECT = Defect(
    title="the answers to a batch come in reverse order",
    caught_by="ai-suite/integration/test_batch.py::test_equals_singles",
    protocols=(PLAIN, V2),
    wrap=lambda app: change_rows(app, lambda rows: rows[::-1]),
)
