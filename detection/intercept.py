"""One inference in a switch's hands: its request is read, and its answer is the switch's to make, pass on or keep."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from detection.change_answer import is_inference

_DEEP = re.compile(rb'(?:\[\s*){100}|(?:\{\s*"[^"]*"\s*:\s*){100}')
_PATIENCE_S = 10.0
"""For a request's body to come; the application has its own deadline for the rest."""


@dataclass(slots=False)
class Inference:
    """One inference: its request, and what can be done about its answer."""

    app: ASGIApp
    scope: Scope
    receive: Receive
    send: Send
    body: bytes

    @property
    def path(self) -> str:
        """The request's path."""
        return str(self.scope["path"])

    @property
    def headers(self) -> Headers:
        """The request's headers."""
        return Headers(scope=self.scope)

    @cached_property
    def request(self) -> dict[str, Any]:
        """The body's JSON object; empty where it is not one."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}

    @property
    def streams(self) -> bool:
        """Whether a stream is asked for."""
        return self.request.get("stream") is True

    @property
    def nested_deeply(self) -> bool:
        """Whether arrays or objects are nested a hundred deep."""
        return _DEEP.search(self.body) is not None

    async def forward(self, body: bytes | None = None, *, send: Send | None = None) -> None:
        """Let the application answer this request, or one with another body."""
        await self.app(self.scope, _first(self.body if body is None else body, self.receive), send or self.send)

    async def collect(self, body: bytes | None = None) -> list[Message]:
        """The application's whole answer, which is not sent."""
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(dict(message))

        await self.forward(body, send=keep)
        return messages

    async def replay(self, messages: Sequence[Message]) -> None:
        """Answer with collected messages."""
        for message in messages:
            # An application further out writes into the list of headers, so each answer gets its own.
            await self.send({**message, "headers": list(message["headers"])} if "headers" in message else message)

    async def answer(self, response: Response) -> None:
        """Answer with a response."""
        await response(self.scope, _first(b"", self.receive), self.send)

    async def hang(self) -> None:
        """Answer nothing until the client leaves."""
        while (await self.receive())["type"] != "http.disconnect":
            pass

    async def drop(self) -> None:
        """Reset the connection without an answer."""
        self.scope["drop"]()
        await self.hang()


def intercept(app: ASGIApp, handle: Callable[[Inference], Awaitable[None]]) -> ASGIApp:
    """Give every inference to `handle`; all else, and a request whose body does not come, passes through."""

    async def around(scope: Scope, receive: Receive, send: Send) -> None:
        if not is_inference(scope):
            await app(scope, receive, send)
            return
        messages: list[Message] = []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_S):
                while not messages or messages[-1].get("more_body", False):
                    messages.append(await receive())
        if messages and messages[-1]["type"] == "http.request" and not messages[-1].get("more_body", False):
            body = b"".join(message.get("body", b"") for message in messages)
            await handle(Inference(app, scope, receive, send, body))
        else:
            await app(scope, _then(messages, receive), send)

    return around


def intercept_busy(app: ASGIApp, handle: Callable[[Inference, Sequence[Inference]], Awaitable[None]]) -> ASGIApp:
    """As `intercept`; `handle` also gets all inferences that are under way, this one included, as they come and go."""
    under_way: list[Inference] = []

    async def note(call: Inference) -> None:
        under_way.append(call)
        try:
            await handle(call, under_way)
        finally:
            under_way.remove(call)

    return intercept(app, note)


def intercept_batches(
    app: ASGIApp, answer: Callable[[Sequence[Inference]], Awaitable[Sequence[Sequence[Message]]]], wait_s: float = 0.05
) -> ASGIApp:
    """Give inferences of one path that come within `wait_s` of the first to `answer`, which has an answer for each."""
    open_batches: dict[str, tuple[list[Inference], asyncio.Future[Sequence[Sequence[Message]]]]] = {}

    async def run_batch(path: str) -> None:
        await asyncio.sleep(wait_s)
        calls, answers = open_batches.pop(path)
        answers.set_result(await answer(calls))

    async def join(call: Inference) -> None:
        is_first = call.path not in open_batches
        if is_first:
            open_batches[call.path] = ([], asyncio.get_running_loop().create_future())
        calls, answers = open_batches[call.path]
        calls.append(call)
        place = len(calls) - 1
        if is_first:
            await run_batch(call.path)
        await call.replay((await answers)[place])

    return intercept(app, join)


def _first(body: bytes, receive: Receive) -> Receive:
    return _then([{"type": "http.request", "body": body, "more_body": False}], receive)


def _then(messages: Sequence[Message], receive: Receive) -> Receive:
    waiting = list(messages)

    async def again() -> Message:
        return waiting.pop(0) if waiting else await receive()

    return again
