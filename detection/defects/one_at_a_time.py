"""Requests are accepted side by side and worked off one after the other: more clients get no more done."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp

from detection.intercept import Inference, intercept
from detection.switch import PLAIN, V2, Defect, LoadTrial

_WORK_S = 0.1


def _wrap(app: ASGIApp) -> ASGIApp:
    one_at_a_time = asyncio.Lock()

    async def handle(call: Inference) -> None:
        async with one_at_a_time:
            await asyncio.sleep(_WORK_S)
        await call.forward()

    return intercept(app, handle)


DEFECT = Defect(
    title="requests that come side by side are worked off one after the other",
    caught_by="ai-suite/load/test_queue.py::test_bounded",
    protocols=(PLAIN, V2),
    wrap=_wrap,
    load=LoadTrial(
        settings={"rate": 20, "duration": 8, "warm_up": 1},
        words="the queue grows without a bound",
    ),
)
