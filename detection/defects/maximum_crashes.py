"""A value at the end of its announced range is one past the end of a table: the worker dies of it."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.change_request import read_rows
from detection.intercept import Inference, intercept
from detection.switch import PLAIN, V2, Defect
from harness.reference.digits import HIGH


def _wrap(app: ASGIApp) -> ASGIApp:
    async def handle(call: Inference) -> None:
        rows = read_rows(call.request) or []
        over = any(isinstance(row, list) and row and row[0] == HIGH for row in rows)
        await (call.drop() if over else call.forward())

    return intercept(app, handle)


DEFECT = Defect(
    name="maximum_crashes",
    title="the greatest value in a row's first place drops the connection",
    caught_by="ai-suite/integration/test_property.py::test_generated_requests_survive",
    protocols=(PLAIN, V2),
    wrap=_wrap,
)
