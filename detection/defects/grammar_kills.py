"""A grammar of many brackets overflows the parser's stack, and the worker does not come back."""

from __future__ import annotations

from starlette.responses import JSONResponse
from starlette.types import ASGIApp

from detection.intercept import Inference, intercept
from detection.switch import CHAT, Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    is_dead = False

    async def handle(call: Inference) -> None:
        nonlocal is_dead
        is_dead = is_dead or str(call.request.get("grammar")).count("(") > 10_000
        if is_dead:
            await call.answer(JSONResponse({"error": {"message": "the worker has ended"}}, 503))
            return
        await call.forward()

    return intercept(app, handle)


DEFECT = Defect(
    title="one grammar of many brackets ends the service",
    caught_by="ai-suite/adversarial/test_security.py::test_one_request_kills",
    protocols=(CHAT,),
    wrap=_wrap,
)
