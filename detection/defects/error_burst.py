"""Once a minute every request fails for a while, as behind a proxy that loads its configuration again."""

from __future__ import annotations

from starlette.responses import JSONResponse
from starlette.types import ASGIApp

from detection.intercept import Inference, intercept
from detection.over_time import MinuteClock
from detection.switch import PLAIN, V2, Defect, LoadTrial

_BURST_S = 0.4


def _wrap(app: ASGIApp) -> ASGIApp:
    clock = MinuteClock()

    async def handle(call: Inference) -> None:
        if clock.seconds_in_minute < _BURST_S and clock.minutes >= 1:
            await call.answer(JSONResponse({"error": "no upstream"}, 503))
            return
        await call.forward()

    return intercept(app, handle)


DEFECT = Defect(
    title="once a minute it answers 503 for 0.4 s",
    caught_by="ai-suite/load/test_soak.py::test_bursts",
    protocols=(PLAIN, V2),
    wrap=_wrap,
    load=LoadTrial(
        settings={"scenario": "soak", "rate": 60, "duration": 30, "warm_up": 1, "pauses": 0},
        words="bursts of failures come every",
    ),
)
