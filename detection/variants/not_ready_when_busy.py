"""Takes itself out of the balancer while it is busy: not ready, and still live."""

from __future__ import annotations

import asyncio

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from detection.change_answer import is_inference
from detection.switch import CHAT, PLAIN, V2, Variant

_BUSY, _HOLD_S = 4, 0.03
_PATHS = ("/ready", "/v2/health/ready")


def _outside(app: ASGIApp) -> ASGIApp:
    in_flight = 0

    async def around(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal in_flight
        if scope["type"] == "http" and scope["path"] in _PATHS and in_flight >= _BUSY:
            await JSONResponse({"status": "busy"}, 503)(scope, receive, send)
            return
        counted = is_inference(scope)
        in_flight += counted
        try:
            await asyncio.sleep(_HOLD_S if counted else 0)
            await app(scope, receive, send)
        finally:
            in_flight -= counted

    return around


VARIANT = Variant(
    title="a busy service is not ready, and still live",
    protocols=(PLAIN, V2, CHAT),
    outside=_outside,
)
