"""Two versions of the digits model behind the V2 protocol: 1 is the model as it is, 2 is surer of each class."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from detection.intercept import Inference, intercept_busy

OLD, NEW = "1", "2"
_MODEL = re.compile(r"(/v2/models/[^/]+)(?:/versions/([^/]+))?(/.*)?")
Choose = Callable[[Inference, str, Sequence[Inference]], tuple[str, str]]
"""For a call of a version beside others (the longest under way first, the last begun last): the version that answers,
and the one with which the answer is stamped."""


def choose_own(call: Inference, version: str, under_way: Sequence[Inference]) -> tuple[str, str]:
    """The version that was asked for."""
    return version, version


def read_version(call: Inference) -> str | None:
    """The version that a call asks for, the newest where it names none; None: it is asked of no model."""
    match = _MODEL.fullmatch(call.scope.get("asked_path", ""))
    return match and (match[2] or NEW)


def serve_two_versions(app: ASGIApp, choose: Choose = choose_own, *, overlap_s: float = 0.0) -> ASGIApp:
    """The application with a second version, which its metadata list. Each call is under way for at least `overlap_s`.

    `choose` may take the answer, and its stamp, from another version than the one that was asked for.
    """

    async def handle(call: Inference, under_way: Sequence[Inference]) -> None:
        version = read_version(call)
        if version is None:
            await call.forward()
            return
        beside = [*under_way]
        await asyncio.sleep(overlap_s)
        answering, stamped = choose(call, version, [*beside, *under_way])

        def change(answer: dict[str, Any]) -> None:
            answer["model_version"] = stamped
            for output in answer["outputs"]:
                if output["name"] == "probabilities" and answering == NEW:
                    output["data"] = _sharpen(output["data"], output["shape"][1])

        await call.replay(_rewrite(await call.collect(), change))

    inner = intercept_busy(app, handle)
    metadata = change_pages(app, lambda page: page.update(versions=[OLD, NEW]))

    async def around(scope: Scope, receive: Receive, send: Send) -> None:
        match = _MODEL.fullmatch(scope.get("path", "")) if scope["type"] == "http" else None
        if match is None or match[2] not in (None, OLD, NEW):
            await inner(scope, receive, send)
            return
        asked = {**scope, "asked_path": scope["path"], "path": match[1] + (match[3] or "")}
        await (inner if match[3] else metadata)(asked, receive, send)

    return around


def change_pages(app: ASGIApp, change: Callable[[dict[str, Any]], None]) -> ASGIApp:
    """Let `change` alter in place the JSON object of every page that is answered with 200."""

    async def around(scope: Scope, receive: Receive, send: Send) -> None:
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await app(scope, receive, keep)
        for message in _rewrite(messages, change):
            await send(message)

    return around


def _rewrite(messages: Sequence[Message], change: Callable[[dict[str, Any]], None]) -> Sequence[Message]:
    """A whole answer of JSON with a change; any other than 200 as it is."""
    start = messages[0]
    if start["status"] != 200:
        return messages
    value = json.loads(b"".join(message.get("body", b"") for message in messages))
    change(value)
    body = json.dumps(value).encode()
    MutableHeaders(scope=start)["content-length"] = str(len(body))
    return [start, {"type": "http.response.body", "body": body}]


def _sharpen(values: Sequence[float], width: int) -> list[float]:
    """Each row's squares, as a distribution again."""
    sharpened: list[float] = []
    for begin in range(0, len(values), width):
        squares = [value * value for value in values[begin : begin + width]]
        sharpened += [square / sum(squares) for square in squares]
    return sharpened
