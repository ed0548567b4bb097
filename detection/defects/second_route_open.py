"""Behind a second name the same inference is done, and the door knows only the first."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from detection.switch import PLAIN, Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    async def around(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/invocations":
            scope = {**scope, "path": "/predict"}
        await app(scope, receive, send)

    return around


DEFECT = Defect(
    title="a second route to the same model asks for no key",
    caught_by="ai-suite/adversarial/test_open_routes.py::test_open_routes",
    protocols=(PLAIN,),
    needs_key=True,
    wrap=_wrap,
)
