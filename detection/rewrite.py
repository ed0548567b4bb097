"""ASGI applications around an application that answer in its place or change its answers: the tools of the defects."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Container, Iterable
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_INFERENCE = re.compile(r"/predict|/v1/chat/completions|/v1/embeddings|/v2/models/[^/]+(/versions/[^/]+)?/infer")


def is_inference(scope: Scope) -> bool:
    """Whether a request is a POST for an inference in any of the protocols."""
    return scope["type"] == "http" and scope["method"] == "POST" and _INFERENCE.fullmatch(scope["path"]) is not None


def answering(app: ASGIApp, answer: Callable[[str, bytes], Response]) -> ASGIApp:
    """Answer every inference with `answer(path, request body)`; all else passes through."""

    async def instead(scope: Scope, receive: Receive, send: Send) -> None:
        if not is_inference(scope):
            await app(scope, receive, send)
            return
        response = answer(scope["path"], await Request(scope, receive).body())
        await response(scope, receive, send)

    return instead


def changing(app: ASGIApp, change: Callable[[dict[str, Any]], None], *, statuses: Container[int] = (200,)) -> ASGIApp:
    """Let `change` alter in place each JSON object that an inference answers with one of the statuses.

    That is the body, or in a stream the object of each event; NaN is written as the bare word that JSON forbids.
    """

    async def around(scope: Scope, receive: Receive, send: Send) -> None:
        if not is_inference(scope):
            await app(scope, receive, send)
            return
        start: Message = {}
        body = b""

        async def changed(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                if message["status"] not in statuses or is_stream(message):
                    await send(message)
                return
            if start["status"] not in statuses:
                await send(message)
            elif is_stream(start):
                await send({**message, "body": b"".join(_event(each, change) for each in events(message["body"]))})
            else:
                body += message.get("body", b"")
                if not message.get("more_body", False):
                    body = _altered(body, change)
                    MutableHeaders(scope=start)["content-length"] = str(len(body))
                    await send(start)
                    await send({"type": "http.response.body", "body": body})

        await app(scope, receive, changed)

    return around


def streaming(app: ASGIApp, each: Callable[[int, bytes], bytes | None], *, then_hang: bool = False) -> ASGIApp:
    """Pass each event of an inference's stream, counted from 0, through `each`; None cuts off it and all after it.

    A cut stream ends as if it were complete, or with `then_hang` stays open and silent until the client leaves.
    """

    async def around(scope: Scope, receive: Receive, send: Send) -> None:
        if not is_inference(scope):
            await app(scope, receive, send)
            return
        counted, stream, cut = 0, False, False

        async def passed(message: Message) -> None:
            nonlocal counted, stream, cut
            if message["type"] == "http.response.start":
                stream = is_stream(message)
            elif stream:
                kept = b""
                for event in events(message["body"]):
                    changed = None if cut else each(counted, event)
                    counted += 1
                    cut = cut or changed is None
                    kept += changed or b""
                message = {**message, "body": kept}
                if cut and then_hang:
                    message["more_body"] = True
            await send(message)

        await app(scope, receive, passed)
        if cut and then_hang:
            while (await receive())["type"] != "http.disconnect":
                pass

    return around


def events(data: bytes) -> Iterable[bytes]:
    """The server-sent events in what the application sent at once, each with its blank line."""
    return [part + b"\n\n" for part in data.split(b"\n\n") if part]


def payload(event: bytes) -> dict[str, Any] | None:
    """The JSON object of an event; None for the terminator."""
    text = event.removeprefix(b"data: ").strip()
    return None if text == b"[DONE]" else json.loads(text)


def event_of(chunk: dict[str, Any]) -> bytes:
    """The event of a JSON object."""
    return b"data: " + _written(chunk) + b"\n\n"


def _event(event: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    if payload(event) is None:
        return event
    return b"data: " + _altered(event.removeprefix(b"data: "), change) + b"\n\n"


def _altered(text: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    value = json.loads(text)
    change(value)
    return _written(value)


def _written(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def is_stream(start: Message) -> bool:
    """Whether an answer that starts so is a stream of server-sent events."""
    return MutableHeaders(scope=start).get("content-type", "").startswith("text/event-stream")
