"""A model that nobody asked for a second is put away, and the request that wakes it fails."""

from __future__ import annotations

from starlette.responses import JSONResponse
from starlette.types import ASGIApp

from detection.intercept import Inference, intercept
from detection.over_time import IDLE_S, IdleClock
from detection.switch import CHAT, EMBEDDINGS, PLAIN, V2, Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    idle = IdleClock()

    async def handle(call: Inference) -> None:
        if idle.note_request() > IDLE_S:
            await call.answer(JSONResponse({"error": "the model is not loaded"}, 500))
        else:
            await call.forward()

    return intercept(app, handle)


DEFECT = Defect(
    title="the first request after an idle second fails, because the model was put away",
    caught_by="ai-suite/integration/test_idle.py::test_first_after_pause",
    protocols=(PLAIN, V2, CHAT, EMBEDDINGS),
    promises={"idle": 1.5},
    wrap=_wrap,
)
