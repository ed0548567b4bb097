"""The id of a request is logged and sent back from a global: side by side, answers carry that of the last request."""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from detection.change_answer import is_inference
from detection.switch import CHAT, EMBEDDINGS, PLAIN, V2, Defect

_NAME = "x-request-id"
_OVERLAP_S = 0.03


def _outside(app: ASGIApp) -> ASGIApp:
    last = ""

    async def around(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal last

        async def send_last(message: Message) -> None:
            if message["type"] == "http.response.start" and last:
                MutableHeaders(scope=message)[_NAME] = last
            await send(message)

        if not is_inference(scope):
            await app(scope, receive, send)
            return
        last = Headers(scope=scope).get(_NAME, "")
        await asyncio.sleep(_OVERLAP_S)
        await app(scope, receive, send_last)

    return around


DEFECT = Defect(
    title="of requests side by side, the answers carry the x-request-id of the last",
    caught_by="ai-suite/integration/test_concurrent.py::test_own_answers",
    protocols=(PLAIN, V2, CHAT, EMBEDDINGS),
    outside=_outside,
)
