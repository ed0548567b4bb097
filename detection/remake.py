"""The tools of the switches that need the request to change the answer, or change the request itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from detection.intercept import Call, taking
from detection.rewrite import changing, events, is_inference, is_stream

Object = dict[str, Any]
Rows = list[Any]


def asking(app: ASGIApp, change: Callable[[Object], None]) -> ASGIApp:
    """Let `change` alter in place the JSON object of each inference's request."""

    async def handle(call: Call) -> None:
        if not call.request:
            await call.forward()
            return
        change(call.request)
        await call.forward(json.dumps(call.request).encode())

    return taking(app, handle)


def pairing(app: ASGIApp, change: Callable[[Object, Object], None]) -> ASGIApp:
    """Let `change(request, answer)` alter in place each JSON object that an inference answers with 200."""

    async def handle(call: Call) -> None:
        around = changing(_forwarding(call), lambda answer: change(call.request, answer))
        await around(call.scope, call.receive, call.send)

    return taking(app, handle)


def _forwarding(call: Call) -> ASGIApp:
    async def forward(scope: Scope, receive: Receive, send: Send) -> None:
        await call.forward(send=send)

    return forward


def heading(app: ASGIApp, change: Callable[[Message, MutableHeaders], None]) -> ASGIApp:
    """Let `change` alter in place the start (its status, its headers) of each inference's answer."""

    async def around(scope: Scope, receive: Receive, send: Send) -> None:
        async def changed(message: Message) -> None:
            if message["type"] == "http.response.start":
                change(message, MutableHeaders(scope=message))
            await send(message)

        await app(scope, receive, changed if is_inference(scope) else send)

    return around


def restreaming(app: ASGIApp, begin: Callable[[], Callable[[bytes], Iterable[bytes]]]) -> ASGIApp:
    """Send, for each event of an inference's stream, the events that a function made for this stream gives."""

    async def around(scope: Scope, receive: Receive, send: Send) -> None:
        each = begin()
        stream = False

        async def passed(message: Message) -> None:
            nonlocal stream
            if message["type"] == "http.response.start":
                stream = is_stream(message)
            elif stream:
                body = b"".join(new for event in events(message.get("body", b"")) for new in each(event))
                message = {**message, "body": body}
            await send(message)

        await app(scope, receive, passed if is_inference(scope) else send)

    return around


def said(answer: Object) -> Iterator[Object]:
    """What holds the text of each choice of a chat answer: the message, or a stream's delta."""
    for choice in answer.get("choices", ()):
        yield choice.get("message") or choice.get("delta") or {}


def rewording(app: ASGIApp, reword: Callable[[str], str]) -> ASGIApp:
    """Pass every text of a chat answer, of a stream piece by piece, through `reword`."""

    def change(answer: Object) -> None:
        for holder in said(answer):
            if holder.get("content"):
                holder["content"] = reword(holder["content"])

    return changing(app, change)


def rows_of(request: Object) -> Rows | None:
    """The rows of a batch: instances, the rows of the first tensor, or texts; None where there are none."""
    if isinstance(request.get("instances"), list):
        return list(request["instances"])
    if isinstance(request.get("input"), list):
        return list(request["input"])
    try:
        tensor = request["inputs"][0]
        width, data = tensor["shape"][-1], tensor["data"]
        if data and isinstance(data[0], list):
            return list(data)
        return [data[start : start + width] for start in range(0, len(data), width)]
    except (KeyError, IndexError, TypeError, ValueError):
        return None


def rebatching(app: ASGIApp, change: Callable[[Rows], Rows]) -> ASGIApp:
    """Let the service answer other rows than it was sent, in any protocol that has batches."""

    def alter(request: Object) -> None:
        if (rows := rows_of(request)) is None:
            return
        rows = change(rows)
        for name in ("instances", "input"):
            if name in request:
                request[name] = rows
        if "inputs" in request:
            tensor = request["inputs"][0]
            width = len(rows[0]) if rows else tensor["shape"][-1]
            tensor["shape"], tensor["data"] = [len(rows), width], [value for row in rows for value in row]

    return asking(app, alter)
