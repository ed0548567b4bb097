"""A value at the end of its announced range is one past the end of a table: the worker dies of it."""

from __future__ import annotations

from detection.change_request import read_batch
from detection.intercept import Inference, intercept
from detection.switch import PLAIN, V2, Defect
from harness.reference.digits import HIGH


async def _handle(call: Inference) -> None:
    rows = read_batch(call.request) or []
    over = any(isinstance(row, list) and row and row[0] == HIGH for row in rows)
    await (call.drop() if over else call.forward())


DEFECT = Defect(
    title="the greatest value in a row's first place drops the connection",
    caught_by="ai-suite/integration/test_property.py::test_generated_requests_survive",
    protocols=(PLAIN, V2),
    wrap=lambda app: intercept(app, _handle),
)
