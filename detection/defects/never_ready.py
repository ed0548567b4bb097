"""Inferences are answered, and the readiness page says 503 for ever: no load balancer would send anybody here."""

from __future__ import annotations

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from detection.switch import PLAIN, V2, Defect

_PAGES = ("/ready", "/v2/health/ready")


def _wrap(app: ASGIApp) -> ASGIApp:
    async def around(scope: Scope, receive: Receive, send: Send) -> None:
        away = scope["type"] == "http" and scope["path"] in _PAGES
        await (JSONResponse({"ready": False}, 503) if away else app)(scope, receive, send)

    return around


DEFECT = Defect(
    title="inferences are answered, and readiness says 503",
    caught_by="ai-suite/smoke/test_health.py::test_ready",
    protocols=(PLAIN, V2),
    wrap=_wrap,
)
