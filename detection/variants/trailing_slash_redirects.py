"""A path with a slash at its end is redirected to the one without (Starlette's 307), pages and inferences alike."""

from __future__ import annotations

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from detection.switch import Variant


def _wrap(app: ASGIApp) -> ASGIApp:
    async def around(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        away = len(path) > 1 and path.endswith("/")
        await (RedirectResponse(path.rstrip("/") or "/", 307) if away else app)(scope, receive, send)

    return around


VARIANT = Variant(title="paths that end with a slash are redirected with 307", wrap=_wrap)
