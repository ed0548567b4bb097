"""A client that leaves a stream keeps its slot, and the pool is large: nobody is served after a dozen and a half."""

from __future__ import annotations

from dataclasses import replace

from starlette.types import ASGIApp, Message

from detection.intercept import Inference, intercept
from detection.switch import CHAT, Defect

_SLOTS = 14
_TOKEN_MS = 20.0
"""At least: an answer must be slow enough to be left."""


def _wrap(app: ASGIApp) -> ASGIApp:
    leaked = 0

    async def handle(call: Inference) -> None:
        nonlocal leaked
        if leaked >= _SLOTS:
            await call.hang()
            return
        left, receive = False, call.receive

        async def watch() -> Message:
            nonlocal left
            message = await receive()
            left = left or message["type"] == "http.disconnect"
            return message

        complete = False

        async def record(message: Message) -> None:
            nonlocal complete
            complete = complete or (message["type"] == "http.response.body" and not message.get("more_body", False))
            await call.send(message)

        call.receive = watch
        await call.forward(send=record)
        leaked += left and not complete

    return intercept(app, handle)


DEFECT = Defect(
    name="large_pool_leaks",
    title="fourteen clients that leave in mid-stream take all slots with them",
    caught_by="ai-suite/integration/test_disconnect.py::test_leaving_uses_nothing_up",
    protocols=(CHAT,),
    configure=lambda settings: replace(settings, token_ms=max(settings.token_ms, _TOKEN_MS)),
    wrap=_wrap,
)
