"""A cache whose key is the prompt: the same prompt with other options gets the first one's answer (LiteLLM #894)."""

from __future__ import annotations

import json

from starlette.types import ASGIApp, Message

from detection.intercept import Inference, intercept
from detection.switch import CHAT, Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    cache: dict[str, list[Message]] = {}

    async def handle(call: Inference) -> None:
        key = json.dumps([call.request.get("messages"), call.streams])
        answer = cache.get(key) or await call.collect()
        if answer[0]["status"] == 200:
            cache[key] = answer
        await call.replay(answer)

    return intercept(app, handle)


DEFECT = Defect(
    name="cache_ignores_options",
    title="answers come from a cache whose key is the prompt, whatever the options",
    caught_by="ai-suite/integration/test_cache.py::test_prompts",
    protocols=(CHAT,),
    wrap=_wrap,
)
