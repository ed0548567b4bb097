"""OpenAI's chat completions, streamed and not, and the list of models."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from harness.reference.api_error import ApiError
from harness.reference.chat_choice import ChatChoice, ChoicePiece
from harness.reference.chat_request import ChatRequest, parse_chat
from harness.reference.request_body import read_object
from harness.reference.service import Service
from harness.reference.settings import CHAT_MODEL
from harness.reference.text_model import CONTEXT, count_usage

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
        asked = replace(asked, max_tokens=min(asked.max_tokens or room, room))
        choices = [ChatChoice(index, asked, self.service.text) for index in range(asked.n)]
        answer = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": CHAT_MODEL}
        if asked.stream:
            events = self._events(answer, choices, prompt_tokens, asked.include_usage)
            return StreamingResponse(events, media_type="text/event-stream", headers={"cache-control": "no-store"})
        await self._finish(request, choices)
        counts = count_usage(prompt_tokens, sum(choice.completion_tokens for choice in choices))
        whole = [choice.whole() for choice in choices]
        return JSONResponse({**answer, "object": "chat.completion", "choices": whole, "usage": counts})

    def _prompt_tokens(self, asked: ChatRequest) -> int:
        model = self.service.text
        # The characters alone give a lower bound, so that a prompt of megabytes is refused without cutting it up.
        read = [*asked.shown, *asked.messages]
        least = sum(2 + len(text) // model.longest for _, text in read)
        tokens = least if least >= CONTEXT else model.count(read)
        if tokens >= CONTEXT:
            message = f"the context holds {CONTEXT} tokens; the messages alone are at least {tokens}"
            raise ApiError(400, message, "context_length_exceeded", param="messages")
        return tokens

    async def _pieces(self, choices: Sequence[ChatChoice]) -> AsyncGenerator[ChoicePiece, None]:
        """The pieces of all choices in turn, at the service's pace; the counters follow, however the answer ends."""
        with self._counted(choices):
            await self.service.think()
            going = [choice.pieces() for choice in choices]
            while found := [(pieces, piece) for pieces in going if (piece := next(pieces, None)) is not None]:
                await asyncio.sleep(self.service.settings.token_ms / 1000)
                for _, piece in found:
                    yield piece
                going = [pieces for pieces, _ in found]

    @contextmanager
    def _counted(self, choices: Sequence[ChatChoice]) -> Iterator[None]:
        counters = self.service.counters
        counters.generations += 1
        counters.active_generations += 1
        try:
            yield
        finally:
            counters.active_generations -= 1
            counters.tokens += sum(choice.completion_tokens for choice in choices)

    async def _finish(self, request: Request, choices: Sequence[ChatChoice]) -> None:
        """Have all choices written, unless the client leaves."""
        made = 0
        async with aclosing(self._pieces(choices)) as pieces:
            async for _ in pieces:
                made += 1
                if made % _LOOK_EVERY == 0 and await request.is_disconnected():
                    break

    async def _events(
        self, answer: dict[str, Any], choices: Sequence[ChatChoice], prompt_tokens: int, include_usage: bool
    ) -> AsyncIterator[bytes]:
        """The stream: the roles, the pieces, the finish reasons, the usage where it was asked for, the terminator."""

        def event(given: list[dict[str, Any]], **more: Any) -> bytes:
            blank = {"usage": None} if include_usage else {}
            chunk = {**answer, "object": "chat.completion.chunk", "choices": given, **blank, **more}
            return b"data: " + json.dumps(chunk, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"

        for choice in choices:
            yield event([choice.opening()])
        async for piece in self._pieces(choices):
            yield event([piece])
        for choice in choices:
            yield event([choice.ending()])
        if include_usage:
            yield event([], usage=count_usage(prompt_tokens, sum(choice.completion_tokens for choice in choices)))
        yield b"data: [DONE]\n\n"
