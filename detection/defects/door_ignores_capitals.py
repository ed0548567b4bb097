"""The door compares paths letter by letter, and the router behind it does not."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from detection.switch import Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    async def around(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["path"] = scope["path"].lower()
        await app(scope, receive, send)

    return around


DEFECT = Defect(
    title="a path in capitals gets past the door without a key",
    caught_by="ai-suite/adversarial/test_security.py::test_disguised_keys",
    needs_key=True,
    wrap=_wrap,
)
