"""The tools of the switches that need the request to change the answer, or change the request itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from detection.change_answer import change_answers, format_event, is_inference, is_stream, parse_event, split_events
from detection.intercept import Inference, intercept

Object = dict[str, Any]
Batch = list[Any]


def change_requests(app: ASGIApp, change: Callable[[Object], None]) -> ASGIApp:
    """Let `change` alter in place the JSON object of each inference's request."""

    async def handle(call: Inference) -> None:
        if not call.request:
            await call.forward()
            return
        change(call.request)
        await call.forward(json.dumps(call.request).encode())

    return intercept(app, handle)


def drop_field(app: ASGIApp, name: str) -> ASGIApp:
    """Leave a field out of each inference's request."""
    return change_requests(app, lambda request: request.pop(name, None))


def change_pairs(app: ASGIApp, change: Callable[[Object, Object], None]) -> ASGIApp:
    """Let `change(request, answer)` alter in place each JSON object that an inference answers with 200."""

    async def handle(call: Inference) -> None:
        around = change_answers(_forwarding(call), lambda answer: change(call.request, answer))
        await around(call.scope, call.receive, call.send)

    return intercept(app, handle)


def _forwarding(call: Inference) -> ASGIApp:
    async def forward(scope: Scope, receive: Receive, send: Send) -> None:
        await call.forward(send=send)

    return forward


def change_heads(app: ASGIApp, change: Callable[[Message, MutableHeaders], None]) -> ASGIApp:
    """Let `change` alter in place the start (its status, its headers) of each inference's answer."""

    async def around(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_changed(message: Message) -> None:
            if message["type"] == "http.response.start":
                change(message, MutableHeaders(scope=message))
            await send(message)

        await app(scope, receive, send_changed if is_inference(scope) else send)

    return around


def replace_events(app: ASGIApp, begin: Callable[[], Callable[[bytes], Iterable[bytes]]]) -> ASGIApp:
    """Send, for each event of an inference's stream, the events that a function made for this stream gives."""

    async def around(scope: Scope, receive: Receive, send: Send) -> None:
        change = begin()
        stream = False

        async def send_changed(message: Message) -> None:
            nonlocal stream
            if message["type"] == "http.response.start":
                stream = is_stream(message)
            elif stream:
                body = b"".join(new for event in split_events(message.get("body", b"")) for new in change(event))
                message = {**message, "body": body}
            await send(message)

        await app(scope, receive, send_changed if is_inference(scope) else send)

    return around


def replace_each_event(app: ASGIApp, rewrite: Callable[[bytes], Iterable[bytes]]) -> ASGIApp:
    """As `replace_events`, where the events of a stream do not depend on one another."""
    return replace_events(app, lambda: rewrite)


def change_streamed_texts(app: ASGIApp, begin: Callable[[], Callable[[str], str]]) -> ASGIApp:
    """Pass the texts of a chat's stream, piece by piece, through a function that is made for this stream."""

    def begin_stream() -> Callable[[bytes], Iterable[bytes]]:
        change = begin()

        def change_event(event: bytes) -> Iterable[bytes]:
            chunk = parse_event(event)
            for delta in list_messages(chunk or {}):
                if delta.get("content"):
                    delta["content"] = change(delta["content"])
            return [format_event(chunk) if chunk else event]

        return change_event

    return replace_events(app, begin_stream)


def list_messages(answer: Object) -> Iterator[Object]:
    """What holds the text of each choice of a chat answer: the message, or a stream's delta."""
    for choice in answer.get("choices", ()):
        yield choice.get("message") or choice.get("delta") or {}


def list_turns(request: Object) -> list[Object]:
    """The messages of a conversation; none for another request."""
    messages = request.get("messages")
    if not isinstance(messages, list):
        return []
    return [message for message in messages if isinstance(message, dict)]


def list_roles(request: Object) -> list[str]:
    """The roles of a conversation's messages; none for another request."""
    return [str(turn.get("role")) for turn in list_turns(request)]


def keep_last_of_rows(request: Object, role: str) -> None:
    """Of messages of a role in a row leave the last one; another request stays as it is."""
    turns = list_turns(request)
    if not turns:
        return
    roles = [*list_roles(request), ""]
    request["messages"] = [turn for place, turn in enumerate(turns) if not roles[place] == roles[place + 1] == role]


def change_answer_texts(app: ASGIApp, reword: Callable[[str], str]) -> ASGIApp:
    """Pass every text of a chat answer, of a stream piece by piece, through `reword`."""

    def change(answer: Object) -> None:
        for holder in list_messages(answer):
            if holder.get("content"):
                holder["content"] = reword(holder["content"])

    return change_answers(app, change)


def change_prompts(app: ASGIApp, reword: Callable[[str], str]) -> ASGIApp:
    """Pass every text of a chat request through `reword`."""

    def change(request: Object) -> None:
        for message in request.get("messages") or ():
            if isinstance(message, dict) and isinstance(message.get("content"), str):
                message["content"] = reword(message["content"])

    return change_requests(app, change)


def read_batch(request: Object) -> Batch | None:
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


def change_rows(app: ASGIApp, change: Callable[[Batch], Batch]) -> ASGIApp:
    """Let the service answer other rows than it was sent, in any protocol that has batches."""

    def alter(request: Object) -> None:
        if (rows := read_batch(request)) is None:
            return
        rows = change(rows)
        for name in ("instances", "input"):
            if name in request:
                request[name] = rows
        if "inputs" in request:
            tensor = request["inputs"][0]
            width = len(rows[0]) if rows else tensor["shape"][-1]
            tensor["shape"], tensor["data"] = [len(rows), width], [value for row in rows for value in row]

    return change_requests(app, alter)
