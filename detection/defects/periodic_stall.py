"""Once a minute the service stands still for a while, as one that compacts or saves its state."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp

from detection.intercept import Inference, intercept
from detection.over_time import MinuteClock
from detection.switch import PLAIN, V2, Defect, LoadTrial

_STALL_S = 0.5


def _wrap(app: ASGIApp) -> ASGIApp:
    clock = MinuteClock()

    async def handle(call: Inference) -> None:
        left = _STALL_S - clock.seconds_in_minute
        if left > 0:
            await asyncio.sleep(left)
        await call.forward()

    return intercept(app, handle)


DEFECT = Defect(
    title="once a minute it stands still for half a second",
    caught_by="ai-suite/load/test_soak.py::test_stalls",
    protocols=(PLAIN, V2),
    wrap=_wrap,
    load=LoadTrial(
        settings={"scenario": "soak", "rate": 60, "duration": 30, "warm_up": 1, "pauses": 0}, words="stalls come every"
    ),
)
