"""OpenAI's chat completions, streamed and not, and the list of models."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import replace
from functools import partial
from itertools import zip_longest
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from harness.reference.api_error import ApiError
from harness.reference.chat_choice import ChatChoice, ChoicePiece
from harness.reference.chat_request import ChatRequest, parse_chat
from harness.reference.prefix_cache import PrefixCache
from harness.reference.request_body import read_object
from harness.reference.service import Service
from harness.reference.settings import CHAT_MODEL
from harness.reference.text_model import CONTEXT, count_usage

_CountUsage = Callable[[Sequence[ChatChoice]], Mapping[str, Any]]
"""The usage of an answer whose choices are written."""

_CHECK_EVERY = 16
"""Tokens after which it is checked again whether the client of an answer that is not streamed is still there."""


class Chat:
    """The routes of the OpenAI protocol over one service."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._cache = PrefixCache()
        self.routes = [
            Route("/v1/models", self.list_models),
            Route("/v1/models/{model:path}", self.get_model),
            Route("/v1/chat/completions", self.complete, methods=["POST"]),
        ]

    def _make_card(self) -> dict[str, Any]:
        return {"id": CHAT_MODEL, "object": "model", "created": self.service.started, "owned_by": "reference"}

    async def list_models(self, request: Request) -> Response:
        """The served models."""
        return JSONResponse({"object": "list", "data": [self._make_card()]})

    async def get_model(self, request: Request) -> Response:
        """One served model."""
        if request.path_params["model"] != CHAT_MODEL:
            raise ApiError(404, "the model does not exist", "model_not_found", param="model")
        return JSONResponse(self._make_card())

    async def complete(self, request: Request) -> Response:
        """One answer to a conversation, whole or as server-sent events."""
        chat = parse_chat(await read_object(request, self.service.settings))
        prompt = self._read_prompt(chat)
        cached = await self._read_cached(prompt, request.headers.get("authorization", ""))
        room = CONTEXT - len(prompt)
        count = partial(_sum_usage, len(prompt), cached)
        chat = replace(chat, max_tokens=min(chat.max_tokens or room, room))
        choices = [ChatChoice(index, chat, self.service.text) for index in range(chat.n)]
        answer = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": CHAT_MODEL}
        if chat.stream:
            events = self._stream(answer, choices, count if chat.include_usage else None)
            return StreamingResponse(events, media_type="text/event-stream", headers={"cache-control": "no-store"})
        await self._finish(request, choices)
        answer |= {"object": "chat.completion", "choices": [choice.format_whole() for choice in choices]}
        return JSONResponse({**answer, "usage": count(choices)})

    async def _read_cached(self, prompt: Sequence[str], caller: str) -> int | None:
        """Read the prompt; how many of its tokens were cached for this caller, None: there is no cache."""
        settings = self.service.settings
        cached = self._cache.read(prompt, caller) if settings.prefix_cache else None
        if settings.prompt_token_ms:
            await asyncio.sleep((len(prompt) - (cached or 0)) * settings.prompt_token_ms / 1000)
        return cached

    def _read_prompt(self, chat: ChatRequest) -> list[str]:
        model, messages = self.service.text, [*chat.shape, *chat.messages]
        # The characters alone give a lower bound, so that a prompt of megabytes is refused without cutting it up.
        count, tokens = sum(2 + len(text) // model.longest for _, text in messages), []
        if count < CONTEXT:
            tokens = model.read(messages)
            count = len(tokens)
        if count >= CONTEXT:
            message = f"the context holds {CONTEXT} tokens; the messages alone are at least {count}"
            raise ApiError(400, message, "context_length_exceeded", param="messages")
        return tokens

    async def _write(self, choices: Sequence[ChatChoice]) -> AsyncGenerator[ChoicePiece, None]:
        """The pieces of all choices in turn, at the service's pace; the counters follow, however the answer ends."""
        with self._count(choices):
            await self.service.think()
            for turn in zip_longest(*(choice.write() for choice in choices)):
                await asyncio.sleep(self.service.settings.token_ms / 1000)
                for piece in filter(None, turn):
                    yield piece

    @contextmanager
    def _count(self, choices: Sequence[ChatChoice]) -> Iterator[None]:
        counters = self.service.counters
        counters.generations += 1
        counters.active_generations += 1
        try:
            yield
        finally:
            counters.active_generations -= 1
            counters.tokens += sum(choice.completion_tokens for choice in choices)

    async def _finish(self, request: Request, choices: Sequence[ChatChoice]) -> None:
        """Write all choices, unless the client leaves."""
        written = 0
        async with aclosing(self._write(choices)) as pieces:
            async for _ in pieces:
                written += 1
                if written % _CHECK_EVERY == 0 and await request.is_disconnected():
                    break

    async def _stream(
        self, answer: dict[str, Any], choices: Sequence[ChatChoice], count: _CountUsage | None
    ) -> AsyncIterator[bytes]:
        """The stream: the roles, the pieces, the finish reasons, the usage where it was asked for, the terminator."""

        answer = {**answer, "object": "chat.completion.chunk"}
        if count is not None:
            answer["usage"] = None
        for choice in choices:
            yield _format_event(answer, [choice.format_opening()])
        async for piece in self._write(choices):
            yield _format_event(answer, [piece])
        for choice in choices:
            yield _format_event(answer, [choice.format_ending()])
        if count is not None:
            yield _format_event(answer | {"usage": count(choices)}, [])
        yield b"data: [DONE]\n\n"


def _format_event(answer: dict[str, Any], choices: list[ChoicePiece]) -> bytes:
    chunk = json.dumps({**answer, "choices": choices}, ensure_ascii=False, separators=(",", ":"))
    return b"data: " + chunk.encode() + b"\n\n"


def _sum_usage(prompt_tokens: int, cached: int | None, choices: Sequence[ChatChoice]) -> Mapping[str, Any]:
    return count_usage(prompt_tokens, sum(choice.completion_tokens for choice in choices), cached)
