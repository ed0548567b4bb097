"""A pool of slots that clients which leave in mid-answer use up."""

from __future__ import annotations

from dataclasses import replace

from starlette.types import ASGIApp, Message

from detection.intercept import Inference, intercept
from harness.reference.settings import ServiceSettings

_TOKEN_MS = 20.0
"""At least: an answer must be slow enough to be left."""


def slow_down(settings: ServiceSettings) -> ServiceSettings:
    """The settings with answers that are slow enough to be left."""
    return replace(settings, token_ms=max(settings.token_ms, _TOKEN_MS))


def leak_slots(app: ASGIApp, slots: int, least_tokens: int = 0) -> ASGIApp:
    """The application behind a pool of so many slots, of which a client that leaves in mid-answer keeps one.

    Only if it asked for `least_tokens` or more: a shorter answer fits into the queue between engine and client.
    """
    leaked = 0

    async def handle(call: Inference) -> None:
        nonlocal leaked
        if leaked >= slots:
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
        is_long = (call.request.get("max_tokens") or 0) >= least_tokens
        leaked += left and is_long and not complete

    return intercept(app, handle)
