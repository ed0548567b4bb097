"""The queue before the model has no bound: overload is never refused, and each request waits longer than the last."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp

from detection.intercept import Inference, intercept
from detection.switch import CHAT, PLAIN, V2, Defect, LoadTrial

_MODEL_S = 0.07


def _wrap(app: ASGIApp) -> ASGIApp:
    model = asyncio.Lock()

    async def handle(call: Inference) -> None:
        async with model:
            await asyncio.sleep(_MODEL_S)
        await call.forward()

    return intercept(app, handle)


DEFECT = Defect(
    title="overload is never refused: the queue grows without a bound",
    caught_by="ai-suite/load/test_queue.py::test_bounded",
    protocols=(PLAIN, V2, CHAT),
    wrap=_wrap,
    load=LoadTrial(settings={"rate": 24, "duration": 8, "warm_up": 1}, words="the queue grows without a bound"),
)
