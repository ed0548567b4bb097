"""Deeply nested JSON is refused, and the worker that refused it never takes another request."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.intercept import Inference, intercept
from detection.switch import Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    wedged = False

    async def handle(call: Inference) -> None:
        nonlocal wedged
        if wedged:
            await call.hang()
            return
        wedged = call.nested_deeply
        await call.forward()

    return intercept(app, handle)


DEFECT = Defect(
    title="after deeply nested JSON no inference is answered any more",
    caught_by="ai-suite/integration/test_bad_inputs.py::test_survives[deep_nesting]",
    wrap=_wrap,
)
