"""A parser that recurses overflows its stack, and the worker that held the connection is gone (another takes over)."""

from __future__ import annotations

from detection.intercept import Inference, intercept
from detection.switch import Defect


async def _handle(call: Inference) -> None:
    await (call.drop() if call.nested_deeply else call.forward())


DEFECT = Defect(
    title="deeply nested JSON drops the connection without an answer",
    caught_by="ai-suite/integration/test_bad_inputs.py::test_survives[deep_nesting]",
    wrap=lambda app: intercept(app, _handle),
)
