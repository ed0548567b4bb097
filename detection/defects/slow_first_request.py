"""The model is loaded by the first request, which nobody answers in time: the service was called ready before."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.intercept import Inference, intercept
from detection.switch import Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    loaded = False

    async def handle(call: Inference) -> None:
        nonlocal loaded
        first, loaded = not loaded, True
        await (call.hang() if first else call.forward())

    return intercept(app, handle)


DEFECT = Defect(
    title="the first inference is not answered within any deadline",
    caught_by="ai-suite/smoke/test_answer.py::test_valid",
    wrap=_wrap,
)
