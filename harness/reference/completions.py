"""OpenAI's older completions, whole: the answer to a prompt, with the prompt before it where `echo` asks for that."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Annotated, Any

from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from harness.reference.api_error import ApiError
from harness.reference.request_body import convert, read_object, refuse
from harness.reference.service import Service
from harness.reference.settings import CHAT_MODEL
from harness.reference.text_model import CONTEXT, Token, count_usage

_MOST_TOKENS = 16
"""The default of this API."""
_Stop = Annotated[str, Meta(min_length=1)]


class _Body(Struct):
    model: str
    prompt: Annotated[str, Meta(min_length=1)]
    max_tokens: Annotated[int, Meta(ge=1, le=CONTEXT)] = _MOST_TOKENS
    temperature: Annotated[float, Meta(ge=0, le=2)] = 1.0
    top_p: Annotated[float, Meta(ge=0, le=1)] = 1.0
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] | None = None
    stop: _Stop | Annotated[list[_Stop], Meta(max_length=4)] | None = None
    stream: bool = False
    echo: bool = False
    logprobs: Annotated[int, Meta(ge=0, le=5)] | None = None


class Completions:
    """The route over one service, whose chat model answers the prompt."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.routes = [Route("/v1/completions", self.complete, methods=["POST"])]

    async def complete(self, request: Request) -> Response:
        """One answer. A stream is refused."""
        body = convert(await read_object(request, self.service.settings), _Body)
        if body.model != CHAT_MODEL:
            raise ApiError(404, "the model does not exist", "model_not_found", param="model")
        if body.stream:
            raise refuse("stream", "must be false: only /v1/chat/completions streams")
        model = self.service.text
        prompt = model.score_tokens(body.prompt)
        if len(prompt) >= CONTEXT:
            message = f"the context holds {CONTEXT} tokens; the prompt alone has {len(prompt)}"
            raise ApiError(400, message, "context_length_exceeded", param="prompt")
        await self.service.think()
        generation = model.generate(
            [("user", body.prompt)],
            max_tokens=min(body.max_tokens, CONTEXT - len(prompt)),
            temperature=body.temperature,
            top_p=body.top_p,
            seed=body.seed,
            stop=(body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ()),
            top=body.logprobs or 0,
        )
        text = "".join(generation)
        tokens = [*(prompt if body.echo else ()), *generation.tokens]
        choice = {
            "index": 0,
            "text": body.prompt + text if body.echo else text,
            "logprobs": None if body.logprobs is None else _format_logprobs(tokens, has_prompt=body.echo),
            "finish_reason": generation.finish_reason,
        }
        counters = self.service.counters
        counters.generations += 1
        counters.tokens += generation.completion_tokens
        head = {"id": f"cmpl-{uuid.uuid4().hex}", "object": "text_completion", "created": self.service.started}
        usage = count_usage(len(prompt), generation.completion_tokens)
        return JSONResponse({**head, "model": CHAT_MODEL, "choices": [choice], "usage": usage})


def _format_logprobs(tokens: Sequence[Token], *, has_prompt: bool) -> dict[str, Any]:
    """The tokens in parallel lists; the first token of a prompt has no probability, because nothing is before it."""
    lists: dict[str, list[Any]] = {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}
    offset = 0
    for token in tokens:
        values = (token.text, token.logprob, dict(token.top) or None, offset)
        for column, value in zip(lists.values(), values, strict=True):
            column.append(value)
        offset += len(token.text)
    if has_prompt:
        lists["token_logprobs"][0] = None
    return lists
