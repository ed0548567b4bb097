"""A cache of answers whose key leaves out something that the answer depends on."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from starlette.types import ASGIApp, Message

from detection.intercept import Inference, intercept


def cache_answers(app: ASGIApp, make_key: Callable[[Inference], Any]) -> ASGIApp:
    """Give each successful answer again to requests of one path and of one key (JSON-able; None: not cached)."""
    store: dict[str, list[Message]] = {}

    async def handle(call: Inference) -> None:
        read = make_key(call)
        if read is None:
            await call.forward()
            return
        key = call.path + json.dumps(read, sort_keys=True)
        answer = store.get(key) or await call.collect()
        if answer[0]["status"] == 200:
            store[key] = answer
        await call.replay(answer)

    return intercept(app, handle)


def cache_conversations(app: ASGIApp, select: Callable[[list[dict[str, Any]]], Any]) -> ASGIApp:
    """A cache whose key is the request with what `select` leaves of its messages."""

    def make_key(call: Inference) -> Any:
        messages = call.request.get("messages")
        if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
            return None
        return {**call.request, "messages": select(messages)}

    return cache_answers(app, make_key)
