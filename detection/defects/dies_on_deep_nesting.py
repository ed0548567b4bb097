"""A parser that recurses overflows its stack, and the worker that held the connection is gone (another takes over)."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.intercept import Inference, intercept
from detection.switch import Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    async def handle(call: Inference) -> None:
        await (call.drop() if call.nested_deeply else call.forward())

    return intercept(app, handle)


DEFECT = Defect(
    name="dies_on_deep_nesting",
    title="deeply nested JSON drops the connection without an answer",
    caught_by="ai-suite/integration/test_bad_inputs.py::test_survives[deep_nesting]",
    wrap=_wrap,
)
