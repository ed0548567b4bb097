"""A cache whose key holds the first 96 characters of the input: inputs that differ late share one answer."""

from __future__ import annotations

import json

from starlette.types import ASGIApp, Message

from detection.intercept import Inference, intercept
from detection.switch import CHAT, EMBEDDINGS, PLAIN, V2, Defect

_LONGEST = 96
"""Characters of the input that are in a key."""


def _key(call: Inference) -> str:
    request = dict(call.request)
    name = next((field for field in ("messages", "instances", "inputs", "input") if field in request), "")
    text = json.dumps(request.pop(name, None))
    return call.path + json.dumps(request, sort_keys=True) + text[:_LONGEST]


def _wrap(app: ASGIApp) -> ASGIApp:
    cache: dict[str, list[Message]] = {}

    async def handle(call: Inference) -> None:
        key = _key(call)
        if key not in cache:
            answer = await call.collect()
            if answer[0]["status"] != 200:
                await call.replay(answer)
                return
            cache[key] = answer
        await call.replay(cache[key])

    return intercept(app, handle)


DEFECT = Defect(
    name="stale_cache",
    title="answers come from a cache whose key is the beginning of the input",
    caught_by="ai-suite/integration/test_cache.py::test_",
    protocols=(PLAIN, V2, CHAT, EMBEDDINGS),
    wrap=_wrap,
)
