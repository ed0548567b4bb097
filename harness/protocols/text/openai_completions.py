"""OpenAI's older completions over HTTP, streamed or whole: a prompt goes on (vLLM, Ollama, llama.cpp, LiteLLM).

As lenient and as strict as `openai_chat`.
"""

from __future__ import annotations

from typing import Any

from harness.core.adapter import Capabilities, Facts, StreamDecoder
from harness.core.endpoint import Endpoint
from harness.core.errors import ProtocolError, UsageError
from harness.core.exchange import Answer, Choice, EventKind, Query, Request, Response, StreamEvent, TokenLogprob
from harness.protocols.shared.chat_stream import ChunkStream, decode_choices
from harness.protocols.shared.openai_family import OpenAIFamily, choose_model, drop_none, find_prefix
from harness.protocols.shared.values import (
    expect_array,
    expect_number,
    expect_object,
    expect_text,
    expect_whole_number,
    parse_answer,
)
from harness.protocols.shared.wire import make_post


class OpenAICompletions(OpenAIFamily):
    """The adapter; `/v1` is put before every path unless the endpoint's URL ends with it already."""

    name = "openai_completions"
    title = "OpenAI completions, streamed or whole"
    route = "/completions"

    asked = "prompt"
    mistyped = ("prompt_not_a_text", {"a": 5})
    can = Capabilities(streaming=True, text=True, generates=True, seeds=True)

    def encode(self, endpoint: Endpoint, query: Query, facts: Facts) -> Request:
        """`inputs` is a prompt; an option of None takes the default of that name out."""
        if not isinstance(query.inputs, str):
            raise UsageError("openai_completions takes a prompt as its input; check [endpoint] sample")
        body: dict[str, Any] = {"model": choose_model(endpoint, facts), "prompt": query.inputs}
        if query.stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return make_post(
            find_prefix(endpoint) + "/completions", drop_none({**body, **query.options}), stream=query.stream
        )

    def decode(self, endpoint: Endpoint, response: Response) -> Answer:
        """Every choice. Raises `ProtocolError` with the place."""
        return decode_choices(parse_answer(response), _choice)

    def decoder(self, endpoint: Endpoint) -> StreamDecoder:
        """A decoder of server-sent chunks."""
        return _Stream()


class _Stream(ChunkStream):
    def choice(self, choice: dict[str, Any], at: str, place: int) -> list[StreamEvent]:
        found = _choice(choice, at, place)
        parts = (
            (found.text, StreamEvent(EventKind.DELTA, text=found.text, index=found.index)),
            (found.logprobs, StreamEvent(EventKind.LOGPROBS, value=found.logprobs, index=found.index)),
            (found.finish_reason, StreamEvent(EventKind.FINISH, value=found.finish_reason, index=found.index)),
        )
        return [event for brought, event in parts if brought]


def _choice(choice: dict[str, Any], at: str, place: int) -> Choice:
    return Choice(
        place if choice.get("index") is None else expect_whole_number(choice["index"], f"{at}.index"),
        expect_text(choice.get("text"), f"{at}.text") or "",
        expect_text(choice.get("finish_reason"), f"{at}.finish_reason") or None,
        logprobs=_logprobs(choice.get("logprobs"), f"{at}.logprobs"),
    )


def _logprobs(value: Any, at: str) -> tuple[TokenLogprob, ...]:
    """Tokens with their log-probabilities, in this API's columns; the first of a prompt that is echoed has none."""
    if value is None:
        return ()
    columns = expect_object(value, at)
    tokens = expect_array(columns.get("tokens"), f"{at}.tokens")
    numbers = expect_array(columns.get("token_logprobs"), f"{at}.token_logprobs")
    if len(tokens) != len(numbers) or not all(isinstance(each, str) for each in tokens):
        raise ProtocolError(f"{len(tokens)} tokens and {len(numbers)} log-probabilities", at=at)
    return tuple(
        TokenLogprob(token, expect_number(number, f"{at}.token_logprobs"))
        for token, number in zip(tokens, numbers, strict=True)
        if number is not None
    )


ADAPTER = OpenAICompletions()
