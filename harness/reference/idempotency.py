"""Carry a request with an `Idempotency-Key` out once: a repeat gets the first one's answer.

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

_MOST_ENTRIES = 256
"""Answers that are stored; the oldest is removed first."""
_MOST_BYTES = 1024 * 1024
"""Larger requests, and requests with larger answers, are carried out each time."""
_HEADER = "idempotency-key"
_LONGEST_KEY = 255


@dataclass(slots=True)
class _Entry:
    """One request and, once it is complete, its answer; it stays empty for a request that failed."""

    digest: bytes
    messages: list[Message] = field(default_factory=list)
    done: asyncio.Event = field(default_factory=asyncio.Event)


class Idempotency:
    """An ASGI application around another; a key belongs to its caller's credentials and to one path.

    A body that does not come within `patience_s` seconds is left to the application.
    """

    def __init__(self, app: ASGIApp, patience_s: float = 10.0, most: int = _MOST_ENTRIES) -> None:
        self.app = app
        self._patience_s = patience_s
        self._most = most
        self._entries: OrderedDict[tuple[str, str, str], _Entry] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request: from the stored answers where its key is known."""
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        key = headers.get(_HEADER, "")
        if scope["type"] != "http" or scope["method"] != "POST" or not 0 < len(key) <= _LONGEST_KEY:
            await self.app(scope, receive, send)
            return
        messages, body = await self._read(receive)
        if body is None:
            await self.app(scope, _replay(messages, receive), send)
            return
        name = (key, scope["path"], headers.get("authorization", ""))
        digest = hashlib.sha256(body).digest()
        while (entry := self._entries.get(name)) is not None:
            if entry.digest != digest:
                text = "this idempotency key was used for another request"
                refusal = ApiError(422, text, "idempotency_key_reused")
                await make_error_response(scope["path"], refusal)(scope, receive, send)
                return
            await entry.done.wait()
            if entry.messages:
                for message in entry.messages:
                    await send(_copy(message))
                return
        await self._carry_out(name, _Entry(digest), scope, _replay(messages, receive), send)

    async def _read(self, receive: Receive) -> tuple[list[Message], bytes | None]:
        """The messages of the body, and the body if it came completely, in time, and is not too large."""
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
                        return messages, b"".join(part.get("body", b"") for part in messages)
        return messages, None

    async def _carry_out(
        self, name: tuple[str, str, str], entry: _Entry, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self._entries[name] = entry
        sent: list[Message] = []
        size = 0

        async def record(message: Message) -> None:
            nonlocal size
            size += len(message.get("body", b""))
            if size <= _MOST_BYTES:
                sent.append(_copy(message))
            await send(message)

        try:
            await self.app(scope, receive, record)
            complete = bool(sent) and not sent[-1].get("more_body", False) and size <= _MOST_BYTES
            if complete and sent[0].get("status", 500) < 500:
                entry.messages = sent
        finally:
            if not entry.messages:
                self._entries.pop(name, None)
            entry.done.set()
            finished = [key for key, other in self._entries.items() if other.messages]
            for old in finished[: max(0, len(finished) - self._most)]:
                del self._entries[old]


def _replay(messages: list[Message], receive: Receive) -> Receive:
    waiting = list(messages)

    async def again() -> Message:
        return waiting.pop(0) if waiting else await receive()

    return again


def _copy(message: Message) -> Message:
    """A copy with its own list of headers, into which the middleware writes."""
    copy = dict(message)
    if "headers" in message:
        copy["headers"] = list(message["headers"])
    return copy
