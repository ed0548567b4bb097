"""The cache's key is made of the conversation without its system message."""

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
        read = [message for message in messages if message.get("role") != "system"]
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
    name="cache_ignores_system",
    title="a cache takes no notice of the system message",
    caught_by="ai-suite/integration/test_cache.py::test_prompts",
    protocols=(CHAT,),
    wrap=_wrap,
)
