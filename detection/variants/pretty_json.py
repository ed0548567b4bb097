"""JSON is indented, in another order, and escapes all that is not ASCII: the same values."""

from __future__ import annotations

import json

from starlette.responses import Response

from detection.intercept import Inference, intercept
from detection.switch import CHAT, EMBEDDINGS, PLAIN, V2, Variant


async def _handle(call: Inference) -> None:
    if call.streams:
        await call.forward()
        return
    start, *parts = await call.collect()
    value = json.loads(b"".join(part["body"] for part in parts))
    text = json.dumps(dict(reversed(value.items())), indent=2) + "\n"
    headers = {name.decode(): data.decode("latin-1") for name, data in start["headers"]}
    headers.pop("content-length", None)
    await call.answer(Response(text, start["status"], headers))


VARIANT = Variant(
    title="JSON is indented, escaped and in another order",
    protocols=(PLAIN, V2, CHAT, EMBEDDINGS),
    wrap=lambda app: intercept(app, _handle),
)
