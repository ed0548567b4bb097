"""A proxy keeps three connections to the model, which ends them after an idle second: each fails one request."""

from __future__ import annotations

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp

from detection.intercept import Inference, intercept
from detection.over_time import IDLE_S, IdleClock
from detection.switch import CHAT, EMBEDDINGS, PLAIN, V2, Defect

_KEPT = 3


def _wrap(app: ASGIApp) -> ASGIApp:
    idle = IdleClock()
    turn, dead = 0, set[int]()

    async def handle(call: Inference) -> None:
        nonlocal turn
        if idle.note_request() > IDLE_S:
            dead.update(range(1, _KEPT))  # the first one was mended by a retry
        connection, turn = turn % _KEPT, turn + 1
        if connection in dead:
            dead.remove(connection)
            await call.answer(PlainTextResponse("Bad Gateway", 502))
        else:
            await call.forward()

    return intercept(app, handle)


DEFECT = Defect(
    title="after an idle second a proxy sends requests over connections that have died",
    caught_by="ai-suite/integration/test_idle.py::test_first_after_pause",
    protocols=(PLAIN, V2, CHAT, EMBEDDINGS),
    promises={"idle": 1.5},
    wrap=_wrap,
)
