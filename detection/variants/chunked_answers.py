"""No answer has a content-length: all come in chunks, some of them small."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import Message

from detection.intercept import Inference, intercept
from detection.switch import Variant

_PIECE = 64


async def _handle(call: Inference) -> None:
    async def split(message: Message) -> None:
        if message["type"] == "http.response.start":
            del MutableHeaders(scope=message)["content-length"]
            await call.send(message)
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        for start in range(0, len(body), _PIECE):
            await call.send({**message, "body": body[start : start + _PIECE], "more_body": True})
        await call.send({"type": "http.response.body", "body": b"", "more_body": more})

    await call.forward(send=split)


VARIANT = Variant(title="answers come in chunks, without a content-length", wrap=lambda app: intercept(app, _handle))
