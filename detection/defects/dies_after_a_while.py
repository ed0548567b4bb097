"""After a while under load the parts of the engine part ways, and nothing is answered any more (tensor parallelism)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.responses import JSONResponse
from starlette.types import ASGIApp

from detection.intercept import Inference, intercept_busy
from detection.switch import PLAIN, V2, Defect, LoadTrial

_LIVES = 60
_ERROR = {"error": {"message": "the engine is dead"}}


def _wrap(app: ASGIApp) -> ASGIApp:
    answered = 0

    async def handle(call: Inference, under_way: Sequence[Inference]) -> None:
        nonlocal answered
        answered += len(under_way) > 1
        if answered > _LIVES:
            await call.answer(JSONResponse(_ERROR, 500))
        else:
            await asyncio.sleep(0.1)
            await call.forward()

    return intercept_busy(app, handle)


DEFECT = Defect(
    title="after a while with several requests in flight it ends for good",
    caught_by="ai-suite/load/test_objectives.py::test_objective",
    protocols=(PLAIN, V2),
    wrap=_wrap,
    load=LoadTrial(
        settings={"rate": 40, "duration": 6, "warm_up": 1},
        words="requests failed: the budget of",
    ),
)
