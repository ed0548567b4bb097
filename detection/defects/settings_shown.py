"""The page of the server's settings asks for no key."""

from __future__ import annotations

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from detection.switch import Defect


def _outside(app: ASGIApp) -> ASGIApp:
    page = JSONResponse({"model_path": "/models/tiny", "max_total_num_tokens": 8192})

    async def around(scope: Scope, receive: Receive, send: Send) -> None:
        is_settings = scope["type"] == "http" and scope["path"] == "/get_server_info"
        await (page if is_settings else app)(scope, receive, send)

    return around


DEFECT = Defect(
    title="the server's settings are shown to everybody",
    caught_by="ai-suite/adversarial/test_open_routes.py::test_operator_pages",
    promises={"open_pages": ["/metrics", "/openapi.json"]},
    needs_key=True,
    outside=_outside,
)
