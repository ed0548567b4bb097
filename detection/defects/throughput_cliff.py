"""With more than a few requests in flight the service thrashes: it then answers far fewer per second."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.types import ASGIApp

from detection.intercept import Inference, intercept_busy
from detection.switch import PLAIN, V2, Defect, LoadTrial

_MOST, _QUICK_S, _THRASHING_S = 14, 0.15, 0.1


def _wrap(app: ASGIApp) -> ASGIApp:
    one_at_a_time = asyncio.Lock()

    async def handle(call: Inference, under_way: Sequence[Inference]) -> None:
        if len(under_way) <= _MOST:
            await asyncio.sleep(_QUICK_S)
        else:
            async with one_at_a_time:
                await asyncio.sleep(_THRASHING_S)
        await call.forward()

    return intercept_busy(app, handle)


DEFECT = Defect(
    title=f"with over {_MOST} requests in flight it answers a quarter as many per second",
    caught_by="ai-suite/load/test_queue.py::test_no_cliff",
    protocols=(PLAIN, V2),
    wrap=_wrap,
    load=LoadTrial(
        settings={"shape": "steps", "steps": [30, 60, 120], "duration": 9, "warm_up": 1},
        words="throughput falls off a cliff",
    ),
)
