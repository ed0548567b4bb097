"""The debugger's page of variables was left on, and needs no key."""

from __future__ import annotations

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from detection.switch import Defect


def _outside(app: ASGIApp) -> ASGIApp:
    page = JSONResponse({"cmdline": ["serve", "--model=digits"], "memstats": {"alloc": 12_345_678}})

    async def around(scope: Scope, receive: Receive, send: Send) -> None:
        is_debug = scope["type"] == "http" and scope["path"] == "/debug/vars"
        await (page if is_debug else app)(scope, receive, send)

    return around


DEFECT = Defect(
    title="a debugger's page of variables is open to everybody",
    caught_by="ai-suite/adversarial/test_security.py::test_debug_pages",
    outside=_outside,
)
