"""The page of an error shows the last request for the sake of debugging, in base64."""

from __future__ import annotations

import base64

from starlette.responses import JSONResponse
from starlette.types import ASGIApp

from detection.intercept import Inference, intercept
from detection.switch import CHAT, Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    last = b""

    async def handle(call: Inference) -> None:
        nonlocal last
        answer = await call.collect()
        if answer[0]["status"] < 400:
            last = call.body
            await call.replay(answer)
            return
        error = {"message": "bad request", "type": "invalid_request_error"}
        page = {"error": error, "dump": base64.b64encode(last).decode()}
        await call.answer(JSONResponse(page, answer[0]["status"]))

    return intercept(app, handle)


DEFECT = Defect(
    title="the answer to an invalid request holds the request before it",
    caught_by="ai-suite/adversarial/test_canary.py::test_cross_request",
    protocols=(CHAT,),
    wrap=_wrap,
)
