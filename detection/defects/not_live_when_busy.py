"""The page of health waits for a slot like any other request, and says after a while that the service is dead."""

from __future__ import annotations

import asyncio

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from detection.change_answer import is_inference
from detection.switch import CHAT, PLAIN, V2, Defect

_BUSY, _OVERLAP_S = 3, 0.06
_PATHS = ("/health", "/v2/health/live")


def _outside(app: ASGIApp) -> ASGIApp:
    in_flight = 0

    async def around(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal in_flight
        if scope["type"] == "http" and scope["path"] in _PATHS:
            await asyncio.sleep(_OVERLAP_S / 2)
            if in_flight >= _BUSY:
                await JSONResponse({"status": "dead"}, 503)(scope, receive, send)
                return
        if not is_inference(scope):
            await app(scope, receive, send)
            return
        in_flight += 1
        try:
            await asyncio.sleep(_OVERLAP_S)
            await app(scope, receive, send)
        finally:
            in_flight -= 1

    return around


DEFECT = Defect(
    title="a busy service says that it is not live",
    caught_by="ai-suite/integration/test_mixed.py::test_own_answers",
    protocols=(PLAIN, V2, CHAT),
    outside=_outside,
)
