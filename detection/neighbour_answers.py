"""Answers that get something of the request beside them: what a field shared by all requests does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message

from detection.change_request import Object
from detection.intercept import Inference, intercept_busy

_OVERLAP_S = 0.03
"""Every request is under way for that long, so that requests side by side do meet."""


def change_by_neighbour(app: ASGIApp, change: Callable[[Object, Object], None]) -> ASGIApp:
    """Let `change(answer, other)` alter each whole JSON answer; `other` is that of the last request beside it."""

    async def handle(call: Inference, under_way: Sequence[Inference]) -> None:
        await asyncio.sleep(_OVERLAP_S)
        like = [other for other in under_way if other.path == call.path and not other.streams]
        if call.streams or not like or like[-1] is call:
            await call.forward()
            return
        own, other = await call.collect(), await call.collect(like[-1].body)
        if own[0]["status"] == other[0]["status"] == 200:
            answer = json.loads(_join(own))
            change(answer, json.loads(_join(other)))
            body = json.dumps(answer).encode()
            MutableHeaders(scope=own[0])["content-length"] = str(len(body))
            own = [own[0], {"type": "http.response.body", "body": body}]
        await call.replay(own)

    return intercept_busy(app, handle)


def _join(messages: Sequence[Message]) -> bytes:
    return b"".join(message.get("body", b"") for message in messages)
