"""Requests with an `Idempotency-Key` are carried out once: a repeat gets the first one's answer.

After the draft of the IETF's HTTP API group (draft-ietf-httpapi-idempotency-key-header): the same key with another
request is refused with 422, and a repeat while the first is under way waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from harness.reference.api_error import ApiError, make_error_response

_KEPT = 256
"""Answers kept; the oldest is forgotten first."""
_MOST_BYTES = 1024 * 1024
"""Larger requests and answers are carried out anew each time."""
_HEADER = "idempotency-key"
_LONGEST_KEY = 255


@dataclass(slots=True)
class _Kept:
    """One request and, once it is whole, its answer; an empty one is of a request that failed."""

    print: bytes
    messages: list[Message] = field(default_factory=list)
    done: asyncio.Event = field(default_factory=asyncio.Event)


class Idempotency:
    """An ASGI application around another; a key belongs to its caller's credentials and to one path.

    A body that does not come within `patience_s` seconds is left to the application.
    """

    def __init__(self, app: ASGIApp, patience_s: float = 10.0, kept: int = _KEPT) -> None:
        self.app = app
        self._patience_s = patience_s
        self._most = kept
        self._kept: OrderedDict[tuple[str, str, str], _Kept] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request: from the answers that are kept where its key is known."""
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        key = headers.get(_HEADER, "")
        if scope["type"] != "http" or scope["method"] != "POST" or not 0 < len(key) <= _LONGEST_KEY:
            await self.app(scope, receive, send)
            return
        messages, body = await self._read(receive)
        if body is None:
            await self.app(scope, _replayed(messages, receive), send)
            return
        name = (key, scope["path"], headers.get("authorization", ""))
        mark = hashlib.sha256(body).digest()
        while (found := self._kept.get(name)) is not None:
            if found.print != mark:
                said = "this idempotency key was used for another request"
                refusal = ApiError(422, said, "idempotency_key_reused")
                await make_error_response(scope["path"], refusal)(scope, receive, send)
                return
            await found.done.wait()
            if found.messages:
                for message in found.messages:
                    await send(_copy(message))
                return
        await self._carry_out(name, _Kept(mark), scope, _replayed(messages, receive), send)

    async def _read(self, receive: Receive) -> tuple[list[Message], bytes | None]:
        """The messages of the body, and the body where it came whole, in time, and is not too large."""
        messages: list[Message] = []
        size = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._patience_s):
                while size <= _MOST_BYTES:
                    message = await receive()
                    messages.append(message)
                    if message["type"] != "http.request":
                        break
                    size += len(message.get("body", b""))
                    if not message.get("more_body", False):
                        return messages, b"".join(each.get("body", b"") for each in messages)
        return messages, None

    async def _carry_out(
        self, name: tuple[str, str, str], mine: _Kept, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self._kept[name] = mine
        sent: list[Message] = []
        size = 0

        async def keeping(message: Message) -> None:
            nonlocal size
            size += len(message.get("body", b""))
            if size <= _MOST_BYTES:
                sent.append(_copy(message))
            await send(message)

        try:
            await self.app(scope, receive, keeping)
            whole = bool(sent) and not sent[-1].get("more_body", False) and size <= _MOST_BYTES
            if whole and sent[0].get("status", 500) < 500:
                mine.messages = sent
        finally:
            if not mine.messages:
                self._kept.pop(name, None)
            mine.done.set()
            finished = [each for each, kept in self._kept.items() if kept.messages]
            for old in finished[: max(0, len(finished) - self._most)]:
                del self._kept[old]


def _replayed(messages: list[Message], receive: Receive) -> Receive:
    waiting = list(messages)

    async def again() -> Message:
        return waiting.pop(0) if waiting else await receive()

    return again


def _copy(message: Message) -> Message:
    """The door writes into the list of headers, and each answer has its own."""
    return {**message, "headers": list(message["headers"])} if "headers" in message else dict(message)
