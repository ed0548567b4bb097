"""The cache's key is made of the system message and the last message of a conversation."""

from __future__ import annotations

import json

from starlette.types import ASGIApp, Message

from detection.intercept import Inference, intercept
from detection.switch import CHAT, Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    store: dict[str, list[Message]] = {}

    async def handle(call: Inference) -> None:
        messages = call.request.get("messages")
        if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
            await call.forward()
            return
        read = [message for message in messages[:-1] if message.get("role") == "system"] + messages[-1:]
        key = json.dumps({**call.request, "messages": read}, sort_keys=True)
        if key not in store:
            answer = await call.collect()
            if answer[0]["status"] != 200:
                await call.replay(answer)
                return
            store[key] = answer
        await call.replay(store[key])

    return intercept(app, handle)


DEFECT = Defect(
    name="cache_ignores_history",
    title="a cache takes no notice of earlier messages",
    caught_by="ai-suite/integration/test_cache.py::test_prompts",
    protocols=(CHAT,),
    wrap=_wrap,
)
