"""A limiter of parallel requests takes a slot for a refused one and never gives it back (LiteLLM #1477)."""

from __future__ import annotations

from starlette.responses import JSONResponse
from starlette.types import ASGIApp

from detection.intercept import Inference, intercept
from detection.switch import CHAT, PLAIN, V2, Defect

_SLOTS = 10


def _wrap(app: ASGIApp) -> ASGIApp:
    lost = 0

    async def handle(call: Inference) -> None:
        nonlocal lost
        if lost >= _SLOTS:
            await call.answer(JSONResponse({"error": {"message": "too many parallel requests"}}, 429))
            return
        messages = await call.collect()
        lost += 400 <= messages[0]["status"] < 500
        await call.replay(messages)

    return intercept(app, handle)


DEFECT = Defect(
    title="after ten refused requests everything is declined",
    caught_by="ai-suite/integration/test_bad_inputs.py::test_survives",
    protocols=(PLAIN, V2, CHAT),
    wrap=_wrap,
)
