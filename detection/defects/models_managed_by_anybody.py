"""The orders to load a model and to unload it ask for no key."""

from __future__ import annotations

import re

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from detection.switch import Defect

_ORDER = re.compile(r"/v2/repository/models/([^/]+)/(?:load|unload)")


def _outside(app: ASGIApp) -> ASGIApp:
    async def around(scope: Scope, receive: Receive, send: Send) -> None:
        order = _ORDER.fullmatch(scope["path"]) if scope["type"] == "http" else None
        answer = app if order is None else JSONResponse({"error": f"no model '{order[1]}' in the repository"}, 400)
        await answer(scope, receive, send)

    return around


DEFECT = Defect(
    title="anybody may have models loaded and unloaded",
    caught_by="ai-suite/adversarial/test_open_routes.py::test_management",
    needs_key=True,
    outside=_outside,
)
