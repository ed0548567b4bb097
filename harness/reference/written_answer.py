"""An answer of generated text as it is written, whole or as server-sent events; chat and completions share it.

Tested in tests/reference/test_chat.py and tests/reference/test_completions.py.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from harness.reference.service import Service
from harness.reference.settings import CHAT_MODEL

ChoicePiece = dict[str, Any]
"""One element of `choices` in a chunk of a stream."""

_CHECK_EVERY = 16
"""Tokens after which it is checked again whether the client of an answer that is not streamed is still there."""


class WrittenChoice(Protocol):
    """One choice: `write` writes it; after that `format_ending` and `format_whole` have its result."""

    completion_tokens: int

    def format_opening(self) -> ChoicePiece | None:
        """The piece before the text, where the protocol has one."""

    def write(self) -> Iterator[ChoicePiece]:
        """The pieces, in order."""

    def format_ending(self) -> ChoicePiece:
        """The piece with the finish reason."""

    def format_whole(self) -> dict[str, Any]:
        """The choice in an answer that is not streamed."""


@dataclass(frozen=True, slots=True)
class WrittenAnswer:
    """An answer with these choices; `prefix` begins its id, `count_tokens` has its usage once they are written."""

    service: Service
    prefix: str
    choices: Sequence[WrittenChoice]
    count_tokens: Callable[[int], Mapping[str, Any]]

    def stream(self, object_name: str, *, with_usage: bool) -> Response:
        """The answer as server-sent events, each an `object_name`."""
        events = self._stream(self._make_head(object_name), with_usage=with_usage)
        return StreamingResponse(events, media_type="text/event-stream", headers={"cache-control": "no-store"})

    async def finish(self, request: Request, object_name: str) -> Response:
        """The whole answer; it is written no further if the client leaves."""
        written = 0
        async with aclosing(self._write()) as pieces:
            async for _ in pieces:
                written += 1
                if written % _CHECK_EVERY == 0 and await request.is_disconnected():
                    break
        choices = [choice.format_whole() for choice in self.choices]
        return JSONResponse({**self._make_head(object_name), "choices": choices, "usage": self._sum_usage()})

    def _make_head(self, object_name: str) -> dict[str, Any]:
        return {
            "id": f"{self.prefix}-{uuid.uuid4().hex}",
            "object": object_name,
            "created": int(time.time()),
            "model": CHAT_MODEL,
        }

    def _sum_usage(self) -> Mapping[str, Any]:
        return self.count_tokens(sum(choice.completion_tokens for choice in self.choices))

    async def _write(self) -> AsyncGenerator[ChoicePiece, None]:
        """The pieces of all choices in turn, at the service's pace; the counters follow, however the answer ends."""
        with self._count():
            await self.service.think()
            for turn in zip_longest(*(choice.write() for choice in self.choices)):
                await asyncio.sleep(self.service.settings.token_ms / 1000)
                for piece in filter(None, turn):
                    yield piece

    @contextmanager
    def _count(self) -> Iterator[None]:
        counters = self.service.counters
        counters.generations += 1
        counters.active_generations += 1
        try:
            yield
        finally:
            counters.active_generations -= 1
            counters.tokens += sum(choice.completion_tokens for choice in self.choices)

    async def _stream(self, head: dict[str, Any], *, with_usage: bool) -> AsyncIterator[bytes]:
        """The openings, the pieces, the finish reasons, the usage where it was asked for, the terminator."""
        if with_usage:
            head["usage"] = None
        for opening in filter(None, (choice.format_opening() for choice in self.choices)):
            yield _format_event(head, [opening])
        async for piece in self._write():
            yield _format_event(head, [piece])
        for choice in self.choices:
            yield _format_event(head, [choice.format_ending()])
        if with_usage:
            yield _format_event(head | {"usage": self._sum_usage()}, [])
        yield b"data: [DONE]\n\n"


def _format_event(head: dict[str, Any], choices: list[ChoicePiece]) -> bytes:
    chunk = json.dumps({**head, "choices": choices}, ensure_ascii=False, separators=(",", ":"))
    return b"data: " + chunk.encode() + b"\n\n"
