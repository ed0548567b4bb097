"""A cache whose key is the prompt: the same prompt with other options gets the first one's answer (LiteLLM #894)."""

from __future__ import annotations

import json

from starlette.types import ASGIApp, Message

from detection.intercept import Call, taking
from detection.switch import CHAT, Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    kept: dict[str, list[Message]] = {}

    async def handle(call: Call) -> None:
        key = json.dumps([call.request.get("messages"), call.streams])
        found = kept.get(key) or await call.collect()
        if found[0]["status"] == 200:
            kept[key] = found
        await call.replay(found)

    return taking(app, handle)


DEFECT = Defect(
    name="cache_ignores_options",
    title="answers come from a cache whose key is the prompt, whatever the options",
    caught_by="ai-suite/integration/test_cache.py::test_prompts",
    protocols=(CHAT,),
    wrap=_wrap,
)
