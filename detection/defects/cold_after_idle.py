"""After 20 seconds without a request the model is put away, and the next request waits until it is loaded again."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp

from detection.intercept import Inference, intercept
from detection.over_time import IdleClock, MinuteClock
from detection.switch import PLAIN, V2, Defect, LoadTrial

_IDLE_MINUTES, _LOADING_S = 1 / 3, 1.2


def _wrap(app: ASGIApp) -> ASGIApp:
    clock, idle = MinuteClock(), IdleClock()

    async def handle(call: Inference) -> None:
        if idle.note_request() > _IDLE_MINUTES * clock.minute:
            await asyncio.sleep(_LOADING_S)
        await call.forward()

    return intercept(app, handle)


DEFECT = Defect(
    title="the first request after 20 idle seconds waits for the model to be loaded",
    caught_by="ai-suite/load/test_soak.py::test_cold_start",
    protocols=(PLAIN, V2),
    wrap=_wrap,
    load=LoadTrial(
        settings={"scenario": "soak", "rate": 60, "duration": 30, "warm_up": 1, "pauses": 3, "pause": 2.0},
        words="first requests after a pause took over",
    ),
)
