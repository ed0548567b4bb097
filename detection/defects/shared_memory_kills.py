"""A tensor in a shared memory of negative size is believed, and the worker ends."""

from __future__ import annotations

from starlette.responses import JSONResponse
from starlette.types import ASGIApp

from detection.intercept import Inference, intercept
from detection.switch import V2, Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    is_dead = False

    async def handle(call: Inference) -> None:
        nonlocal is_dead
        is_dead = is_dead or b'"shared_memory_byte_size": -' in call.body
        if is_dead:
            await call.answer(JSONResponse({"error": "the worker has ended"}, 503))
        else:
            await call.forward()

    return intercept(app, handle)


DEFECT = Defect(
    title="one tensor in a shared memory of negative size ends the service",
    caught_by="ai-suite/adversarial/test_security.py::test_one_request_kills",
    protocols=(V2,),
    wrap=_wrap,
)
