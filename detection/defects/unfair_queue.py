"""The queue before the model is a stack: under load the newest request is served first, and old ones starve."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp

from detection.intercept import Inference, intercept
from detection.switch import CHAT, PLAIN, V2, Defect, LoadTrial

_MODEL_S = 0.045


def _wrap(app: ASGIApp) -> ASGIApp:
    waiting: list[asyncio.Future[None]] = []
    is_busy = False

    async def handle(call: Inference) -> None:
        nonlocal is_busy
        if is_busy:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            waiting.append(turn)
            await turn
        is_busy = True
        await asyncio.sleep(_MODEL_S)
        if waiting:
            waiting.pop().set_result(None)
        else:
            is_busy = False
        await call.forward()

    return intercept(app, handle)


DEFECT = Defect(
    title="of the requests that wait, the newest is served first",
    caught_by="ai-suite/load/test_queue.py::test_fair",
    protocols=(PLAIN, V2, CHAT),
    wrap=_wrap,
    load=LoadTrial(settings={"rate": 26, "duration": 9, "warm_up": 1}, words="the queue is unfair"),
)
