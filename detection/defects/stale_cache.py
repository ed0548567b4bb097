"""A cache whose key holds the first 96 characters of the input: inputs that differ late share one answer."""

from __future__ import annotations

import json

from starlette.types import ASGIApp, Message

from detection.intercept import Call, taking
from detection.switch import CHAT, EMBEDDINGS, PLAIN, V2, Defect

_LONGEST = 96
"""Characters of the input that are in a key."""


def _key(call: Call) -> str:
    asked = dict(call.request)
    name = next((each for each in ("messages", "instances", "inputs", "input") if each in asked), "")
    text = json.dumps(asked.pop(name, None))
    return call.path + json.dumps(asked, sort_keys=True) + text[:_LONGEST]


def _wrap(app: ASGIApp) -> ASGIApp:
    kept: dict[str, list[Message]] = {}

    async def handle(call: Call) -> None:
        key = _key(call)
        if key not in kept:
            found = await call.collect()
            if found[0]["status"] != 200:
                await call.replay(found)
                return
            kept[key] = found
        await call.replay(kept[key])

    return taking(app, handle)


DEFECT = Defect(
    name="stale_cache",
    title="answers come from a cache whose key is the beginning of the input",
    caught_by="ai-suite/integration/test_cache.py::test_",
    protocols=(PLAIN, V2, CHAT, EMBEDDINGS),
    wrap=_wrap,
)
