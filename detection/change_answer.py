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

_INFERENCE = re.compile(r"/predict|/v1/(?:chat/)?completions|/v1/embeddings|/v2/models/[^/]+(/versions/[^/]+)?/infer")


def is_inference(scope: Scope) -> bool:
    """Whether a request is a POST for an inference in any of the protocols."""
    return scope["type"] == "http" and scope["method"] == "POST" and _INFERENCE.fullmatch(scope["path"]) is not None


def replace_answers(app: ASGIApp, answer: Callable[[str, bytes], Response]) -> ASGIApp:
    """Answer every inference with `answer(path, request body)`; all else passes through."""

    async def instead(scope: Scope, receive: Receive, send: Send) -> None:
        if not is_inference(scope):
            await app(scope, receive, send)
            return
        response = answer(scope["path"], await Request(scope, receive).body())
        await response(scope, receive, send)

    return instead


def change_answers(
    app: ASGIApp, change: Callable[[dict[str, Any]], None], *, statuses: Container[int] = (200,)
) -> ASGIApp:
    """Let `change` alter in place each JSON object that an inference answers with one of the statuses.

    That is the body, or in a stream the object of each event; NaN is written as the bare word that JSON forbids.
    """

    async def around(scope: Scope, receive: Receive, send: Send) -> None:
        if not is_inference(scope):
            await app(scope, receive, send)
            return
        start: Message = {}
        body = b""

        async def send_changed(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                if message["status"] not in statuses or is_stream(message):
                    await send(message)
                return
            if start["status"] not in statuses:
                await send(message)
            elif is_stream(start):
                events = [_change_event(event, change) for event in split_events(message["body"])]
                await send({**message, "body": b"".join(events)})
            else:
                body += message.get("body", b"")
                if not message.get("more_body", False):
                    body = _change_text(body, change)
                    MutableHeaders(scope=start)["content-length"] = str(len(body))
                    await send(start)
                    await send({"type": "http.response.body", "body": body})

        await app(scope, receive, send_changed)

    return around


def change_events(app: ASGIApp, change: Callable[[int, bytes], bytes | None], *, then_hang: bool = False) -> ASGIApp:
    """Pass each event of an inference's stream, counted from 0, through `change`; None cuts off it and all after it.

    A cut stream ends as if it were complete, or with `then_hang` stays open and silent until the client leaves.
    """

    async def around(scope: Scope, receive: Receive, send: Send) -> None:
        if not is_inference(scope):
            await app(scope, receive, send)
            return
        counted, stream, cut = 0, False, False

        async def send_changed(message: Message) -> None:
            nonlocal counted, stream, cut
            if message["type"] == "http.response.start":
                stream = is_stream(message)
            elif stream:
                body = b""
                for event in split_events(message["body"]):
                    new = None if cut else change(counted, event)
                    counted += 1
                    cut = cut or new is None
                    body += new or b""
                message = {**message, "body": body}
                if cut and then_hang:
                    message["more_body"] = True
            await send(message)

        await app(scope, receive, send_changed)
        if cut and then_hang:
            while (await receive())["type"] != "http.disconnect":
                pass

    return around


def split_events(data: bytes) -> Iterable[bytes]:
    """The server-sent events in what the application sent at once, each with its blank line."""
    return [part + b"\n\n" for part in data.split(b"\n\n") if part]


def parse_event(event: bytes) -> dict[str, Any] | None:
    """The JSON object of an event; None for the terminator."""
    text = event.removeprefix(b"data: ").strip()
    return None if text == b"[DONE]" else json.loads(text)


def format_event(chunk: dict[str, Any]) -> bytes:
    """The event of a JSON object."""
    return b"data: " + _format_json(chunk) + b"\n\n"


def _change_event(event: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    if parse_event(event) is None:
        return event
    return b"data: " + _change_text(event.removeprefix(b"data: "), change) + b"\n\n"


def _change_text(text: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    value = json.loads(text)
    change(value)
    return _format_json(value)


def _format_json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def is_stream(start: Message) -> bool:
    """Whether an answer that starts so is a stream of server-sent events."""
    return MutableHeaders(scope=start).get("content-type", "").startswith("text/event-stream")
