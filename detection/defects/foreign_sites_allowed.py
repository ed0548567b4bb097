"""Every site is allowed to ask in the name of its visitor, with credentials."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from detection.switch import Defect


def _outside(app: ASGIApp) -> ASGIApp:
    async def around(scope: Scope, receive: Receive, send: Send) -> None:
        origin = Headers(scope=scope).get("origin") if scope["type"] == "http" else None

        async def allow(message: Message) -> None:
            if origin and message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["access-control-allow-origin"] = origin
                headers["access-control-allow-credentials"] = "true"
            await send(message)

        await app(scope, receive, allow)

    return around


DEFECT = Defect(
    title="any site may ask in the name of its visitor",
    caught_by="ai-suite/adversarial/test_security.py::test_foreign_origins",
    outside=_outside,
)
