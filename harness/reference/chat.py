"""OpenAI's chat completions, streamed and not, and the list of models."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from harness.reference.api_error import ApiError
from harness.reference.chat_choice import ChatChoice
from harness.reference.chat_request import ChatRequest, parse_chat
from harness.reference.prefix_cache import PrefixCache
from harness.reference.request_body import read_object
from harness.reference.service import Service
from harness.reference.settings import CHAT_MODEL
from harness.reference.text_model import CONTEXT, count_usage
from harness.reference.written_answer import WrittenAnswer


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
        count = partial(count_usage, len(prompt), cached=cached)
        chat = replace(chat, max_tokens=min(chat.max_tokens or room, room))
        choices = [ChatChoice(index, chat, self.service.text) for index in range(chat.n)]
        answer = WrittenAnswer(self.service, "chatcmpl", choices, count)
        if chat.stream:
            return answer.stream("chat.completion.chunk", with_usage=chat.include_usage)
        return await answer.finish(request, "chat.completion")

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
