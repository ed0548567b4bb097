"""A client that leaves frees its slot at once, and the next request gets what was written for it."""

from __future__ import annotations

from dataclasses import replace

from starlette.types import ASGIApp, Message

from detection.intercept import Inference, intercept
from detection.switch import CHAT, Defect

_TOKEN_MS = 20.0
"""At least: an answer must be slow enough to be left."""


def _wrap(app: ASGIApp) -> ASGIApp:
    left: list[bytes] = []
    under_way: list[Inference] = []

    async def handle(call: Inference) -> None:
        receive = call.receive
        is_complete = False

        async def watch() -> Message:
            message = await receive()
            if message["type"] == "http.disconnect" and not is_complete:
                left.append(call.body)
            return message

        async def record(message: Message) -> None:
            nonlocal is_complete
            is_complete = is_complete or (
                message["type"] == "http.response.body" and not message.get("more_body", False)
            )
            await call.send(message)

        call.receive = watch
        under_way.append(call)
        messages = None if call.streams else await call.collect()
        under_way.remove(call)
        if messages is not None and left:
            messages = await call.collect(left.pop())
        if messages is None:
            await call.forward(send=record)
        else:
            for message in messages:
                await record({**message, "headers": list(message["headers"])} if "headers" in message else message)

    return intercept(app, handle)


DEFECT = Defect(
    title="when a client leaves, another one gets its answer",
    caught_by="ai-suite/integration/test_disconnect.py::test_leaving_uses_nothing_up",
    protocols=(CHAT,),
    configure=lambda settings: replace(settings, token_ms=max(settings.token_ms, _TOKEN_MS)),
    wrap=_wrap,
)
