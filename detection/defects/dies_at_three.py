"""With three requests in flight the engine is gone, and nothing is answered any more (vLLM with speculation)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.responses import JSONResponse
from starlette.types import ASGIApp

from detection.intercept import Inference, intercept_busy
from detection.switch import PLAIN, V2, Defect, LoadTrial

_MOST = 2
_ERROR = {"error": {"message": "the engine is dead"}}


def _wrap(app: ASGIApp) -> ASGIApp:
    is_dead = False

    async def handle(call: Inference, under_way: Sequence[Inference]) -> None:
        nonlocal is_dead
        is_dead = is_dead or len(under_way) > _MOST
        await asyncio.sleep(0.1)
        if is_dead:
            await call.answer(JSONResponse(_ERROR, 500))
        else:
            await call.forward()

    return intercept_busy(app, handle)


DEFECT = Defect(
    title="with three requests in flight it ends for good",
    caught_by="ai-suite/load/test_objectives.py::test_objective",
    protocols=(PLAIN, V2),
    wrap=_wrap,
    load=LoadTrial(
        settings={"rate": 40, "duration": 6, "warm_up": 1},
        words="requests failed: the budget of",
    ),
)
