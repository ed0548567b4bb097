"""OpenAI's chat completions, streamed and not, and the list of models."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from harness.reference.apierror import ApiError
from harness.reference.chatrequest import ChatRequest, parse_chat
from harness.reference.service import Service
from harness.reference.settings import CHAT_MODEL
from harness.reference.textmodel import CONTEXT, Generation, usage
from harness.reference.wire import read_object

_LOOK_EVERY = 16
"""Tokens between two looks at whether the client of an answer that is not streamed is still there."""


class Chat:
    """The routes of the OpenAI protocol over one service."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.routes = [
            Route("/v1/models", self.models),
            Route("/v1/models/{model:path}", self.model),
            Route("/v1/chat/completions", self.complete, methods=["POST"]),
        ]

    def _card(self) -> dict[str, Any]:
        return {"id": CHAT_MODEL, "object": "model", "created": self.service.started, "owned_by": "reference"}

    async def models(self, request: Request) -> Response:
        """The served models."""
        return JSONResponse({"object": "list", "data": [self._card()]})

    async def model(self, request: Request) -> Response:
        """One served model."""
        if request.path_params["model"] != CHAT_MODEL:
            raise ApiError(404, "the model does not exist", "model_not_found", param="model")
        return JSONResponse(self._card())

    async def complete(self, request: Request) -> Response:
        """One answer to a conversation, whole or as server-sent events."""
        asked = parse_chat(await read_object(request, self.service.settings))
        prompt_tokens = self._prompt_tokens(asked)
        room = CONTEXT - prompt_tokens
        generation = self.service.text.generate(
            asked.messages,
            max_tokens=min(asked.max_tokens or room, room),
            temperature=asked.temperature,
            top_p=asked.top_p,
            seed=asked.seed,
            stop=asked.stop,
        )
        answer = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": CHAT_MODEL}
        if asked.stream:
            events = self._events(answer, generation, prompt_tokens, asked.include_usage)
            return StreamingResponse(events, media_type="text/event-stream", headers={"cache-control": "no-store"})
        text = await self._whole(request, generation)
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": text},
            "logprobs": None,
            "finish_reason": generation.finish_reason,
        }
        counts = usage(prompt_tokens, generation)
        return JSONResponse({**answer, "object": "chat.completion", "choices": [choice], "usage": counts})

    def _prompt_tokens(self, asked: ChatRequest) -> int:
        model = self.service.text
        # The characters alone give a lower bound, so that a prompt of megabytes is refused without cutting it up.
        least = sum(2 + len(text) // model.longest for _, text in asked.messages)
        tokens = least if least >= CONTEXT else model.count(asked.messages)
        if tokens >= CONTEXT:
            message = f"the context holds {CONTEXT} tokens; the messages alone are at least {tokens}"
            raise ApiError(400, message, "context_length_exceeded", param="messages")
        return tokens

    async def _pieces(self, generation: Generation) -> AsyncGenerator[str, None]:
        """The pieces at the service's pace; the counters follow, however the answer ends."""
        with self._counted(generation):
            await self.service.think()
            for piece in generation:
                await asyncio.sleep(self.service.settings.token_ms / 1000)
                yield piece

    @contextmanager
    def _counted(self, generation: Generation) -> Iterator[None]:
        counters = self.service.counters
        counters.generations += 1
        counters.active_generations += 1
        try:
            yield
        finally:
            counters.active_generations -= 1
            counters.tokens += generation.completion_tokens

    async def _whole(self, request: Request, generation: Generation) -> str:
        pieces: list[str] = []
        async with aclosing(self._pieces(generation)) as made:
            async for piece in made:
                pieces.append(piece)
                if len(pieces) % _LOOK_EVERY == 0 and await request.is_disconnected():
                    break
        return "".join(pieces)

    async def _events(
        self, answer: dict[str, Any], generation: Generation, prompt_tokens: int, include_usage: bool
    ) -> AsyncIterator[bytes]:
        """The stream: the role, the pieces, the finish reason, the usage where it was asked for, the terminator."""

        def event(choices: list[dict[str, Any]], **more: Any) -> bytes:
            blank = {"usage": None} if include_usage else {}
            chunk = {**answer, "object": "chat.completion.chunk", "choices": choices, **blank, **more}
            return b"data: " + json.dumps(chunk, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"

        def choice(delta: dict[str, str], finish_reason: str | None = None) -> list[dict[str, Any]]:
            return [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}]

        yield event(choice({"role": "assistant", "content": ""}))
        async for piece in self._pieces(generation):
            yield event(choice({"content": piece}))
        yield event(choice({}, generation.finish_reason))
        if include_usage:
            yield event([], usage=usage(prompt_tokens, generation))
        yield b"data: [DONE]\n\n"
