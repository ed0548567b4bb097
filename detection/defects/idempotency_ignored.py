"""A repeat with the same idempotency key is carried out again."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Receive, Scope, Send

from detection.switch import CHAT, Defect


def _outside(app: ASGIApp) -> ASGIApp:
    async def forgetful(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            del MutableHeaders(scope=scope)["idempotency-key"]
        await app(scope, receive, send)

    return forgetful


DEFECT = Defect(
    title="a repeat with the same idempotency key is carried out again",
    caught_by="ai-suite/integration/test_idempotency.py::test_carried_out_once",
    protocols=(CHAT,),
    promises={"idempotency": "Idempotency-Key"},
    outside=_outside,
)
