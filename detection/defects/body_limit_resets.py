"""A proxy that ends the connection when a body is too large, without the 413 that would say so."""

from __future__ import annotations

from detection.intercept import Inference, intercept
from detection.switch import Defect

_MOST = 64 * 1024


async def _handle(call: Inference) -> None:
    await (call.drop() if len(call.body) > _MOST else call.forward())


DEFECT = Defect(
    title="a body of more than 64 KiB gets its connection reset, and no answer",
    caught_by="ai-suite/integration/test_limits.py::test_body",
    wrap=lambda app: intercept(app, _handle),
)
