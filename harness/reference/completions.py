"""OpenAI's older completions, streamed and not; where `echo` asks for it, the prompt stands before the answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Annotated, Any

from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from harness.reference.api_error import ApiError
from harness.reference.chat_request import StreamOptions
from harness.reference.request_body import convert, read_object, refuse
from harness.reference.service import Service
from harness.reference.settings import CHAT_MODEL
from harness.reference.text_model import CONTEXT, TextModel, Token, count_usage
from harness.reference.written_answer import ChoicePiece, WrittenAnswer

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
    n: Annotated[int, Meta(ge=1, le=4)] = 1
    stop: _Stop | Annotated[list[_Stop], Meta(max_length=4)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    echo: bool = False
    logprobs: Annotated[int, Meta(ge=0, le=5)] | None = None


class Completions:
    """The route over one service, whose chat model answers the prompt."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.routes = [Route("/v1/completions", self.complete, methods=["POST"])]

    async def complete(self, request: Request) -> Response:
        """The choices of an answer, whole or as server-sent events."""
        body = convert(await read_object(request, self.service.settings), _Body)
        if body.model != CHAT_MODEL:
            raise ApiError(404, "the model does not exist", "model_not_found", param="model")
        if body.stream_options and not body.stream:
            raise refuse("stream_options", "stream must be true")
        prompt = self.service.text.score_tokens(body.prompt)
        if len(prompt) >= CONTEXT:
            message = f"the context holds {CONTEXT} tokens; the prompt alone has {len(prompt)}"
            raise ApiError(400, message, "context_length_exceeded", param="prompt")
        choices = [_TextChoice(index, body, prompt, self.service.text) for index in range(body.n)]
        answer = WrittenAnswer(self.service, "cmpl", choices, partial(count_usage, len(prompt)))
        if body.stream:
            options = body.stream_options
            return answer.stream("text_completion", with_usage=bool(options and options.include_usage))
        return await answer.finish(request, "text_completion")


class _TextChoice:
    """One choice of an answer; the seed of each is one more."""

    def __init__(self, index: int, body: _Body, prompt: Sequence[Token], model: TextModel) -> None:
        self.completion_tokens = 0
        self._index, self._body, self._prompt = index, body, prompt
        self._text = ""
        self._generation = model.generate(
            [("user", body.prompt)],
            max_tokens=min(body.max_tokens, CONTEXT - len(prompt)),
            temperature=body.temperature,
            top_p=body.top_p,
            seed=None if body.seed is None else (body.seed + index) % 2**64,
            stop=(body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ()),
            top=body.logprobs or 0,
        )

    def format_opening(self) -> ChoicePiece | None:
        """The prompt, where it is to be echoed."""
        if not self._body.echo:
            return None
        return self._piece(self._body.prompt, _format_logprobs(self._prompt, has_prompt=True))

    def write(self) -> Iterator[ChoicePiece]:
        """The pieces of the text; each has its own tokens."""
        written = 0
        start = len(self._body.prompt) if self._body.echo else 0
        for text in self._generation:
            self.completion_tokens = self._generation.completion_tokens
            tokens = self._generation.tokens[written:]
            yield self._piece(text, _format_logprobs(tokens, has_prompt=False, start=start))
            self._text += text
            written += len(tokens)
            start += sum(len(token.text) for token in tokens)
        self.completion_tokens = self._generation.completion_tokens

    def format_ending(self) -> ChoicePiece:
        """The piece with the finish reason."""
        return self._piece("", None) | {"finish_reason": self._generation.finish_reason}

    def format_whole(self) -> dict[str, Any]:
        """The text with the finish reason."""
        tokens, text = self._generation.tokens, self._text
        if self._body.echo:
            tokens, text = [*self._prompt, *tokens], self._body.prompt + text
        logprobs = _format_logprobs(tokens, has_prompt=self._body.echo)
        return self._piece(text, logprobs) | {"finish_reason": self._generation.finish_reason}

    def _piece(self, text: str, logprobs: dict[str, Any] | None) -> ChoicePiece:
        if self._body.logprobs is None:
            logprobs = None
        return {"index": self._index, "text": text, "logprobs": logprobs, "finish_reason": None}


def _format_logprobs(tokens: Sequence[Token], *, has_prompt: bool, start: int = 0) -> dict[str, Any]:
    """The tokens in parallel lists, their offsets counted from `start`.

    The first token of a prompt has no probability, because nothing is before it.
    """
    lists: dict[str, list[Any]] = {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}
    offset = start
    for token in tokens:
        values = (token.text, token.logprob, dict(token.top) or None, offset)
        for column, value in zip(lists.values(), values, strict=True):
            column.append(value)
        offset += len(token.text)
    if has_prompt:
        lists["token_logprobs"][0] = None
    return lists
