"""One read is taken for the whole body: what comes in a later packet is lost."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from detection.switch import Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    async def once(scope: Scope, receive: Receive, send: Send) -> None:
        async def first() -> Message:
            return {**await receive(), "more_body": False}

        await app(scope, first, send)

    return once


DEFECT = Defect(
    title="of a body that comes in several packets the first is read",
    caught_by="ai-suite/integration/test_http.py::test_forms_accepted",
    wrap=_wrap,
)
