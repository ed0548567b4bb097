"""Every minute an answer takes 15 ms longer than in the minute before: a table that is searched and only grows."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp

from detection.intercept import Inference, intercept
from detection.over_time import MinuteClock
from detection.switch import PLAIN, V2, Defect, LoadTrial

_GROWTH_S = 0.015


def _wrap(app: ASGIApp) -> ASGIApp:
    clock = MinuteClock()

    async def handle(call: Inference) -> None:
        await asyncio.sleep(_GROWTH_S * clock.minutes)
        await call.forward()

    return intercept(app, handle)


DEFECT = Defect(
    title="answers take 15 ms longer every minute",
    caught_by="ai-suite/load/test_soak.py::test_times",
    protocols=(PLAIN, V2),
    wrap=_wrap,
    load=LoadTrial(settings={"scenario": "soak", "rate": 60, "duration": 30, "warm_up": 1}, words="rises"),
)
