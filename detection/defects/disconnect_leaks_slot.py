"""A client that leaves a stream keeps its slot; after two nobody is served (Rapid-MLX #1759, FastFlowLM #680)."""

from __future__ import annotations

from dataclasses import replace

from starlette.types import ASGIApp, Message

from detection.intercept import Call, taking
from detection.switch import CHAT, Defect

_SLOTS = 2
_TOKEN_MS = 20.0
"""At least: an answer must be slow enough to be left."""


def _wrap(app: ASGIApp) -> ASGIApp:
    leaked = 0

    async def handle(call: Call) -> None:
        nonlocal leaked
        if leaked >= _SLOTS:
            await call.hang()
            return
        left, receive = False, call.receive

        async def watched() -> Message:
            nonlocal left
            message = await receive()
            left = left or message["type"] == "http.disconnect"
            return message

        complete = False

        async def passed(message: Message) -> None:
            nonlocal complete
            complete = complete or (message["type"] == "http.response.body" and not message.get("more_body", False))
            await call.send(message)

        call.receive = watched
        await call.forward(send=passed)
        leaked += left and not complete

    return taking(app, handle)


DEFECT = Defect(
    name="disconnect_leaks_slot",
    title="two clients that leave in mid-stream take all slots with them",
    caught_by="ai-suite/integration/test_disconnect.py::test_leaving_uses_nothing_up",
    protocols=(CHAT,),
    configure=lambda settings: replace(settings, token_ms=max(settings.token_ms, _TOKEN_MS)),
    wrap=_wrap,
)
