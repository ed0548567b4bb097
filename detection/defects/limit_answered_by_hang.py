"""What is over the limit waits for room that will never be: more than 256 rows, a prompt of more than 4 KiB."""

from __future__ import annotations

from detection.change_request import read_batch
from detection.intercept import Inference, intercept
from detection.switch import Defect

_ROWS, _BYTES = 256, 4096


async def _handle(call: Inference) -> None:
    rows = read_batch(call.request)
    over = len(call.body) > _BYTES if "messages" in call.request else rows is not None and len(rows) > _ROWS
    await (call.hang() if over else call.forward())


DEFECT = Defect(
    title="more than 256 rows, or a prompt of more than 4 KiB, is never answered",
    caught_by="ai-suite/integration/test_limits.py::test_",
    wrap=lambda app: intercept(app, _handle),
)
