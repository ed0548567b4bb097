"""OpenAI's older completions over HTTP, streamed or not: they continue a prompt (vLLM, Ollama, llama.cpp, LiteLLM).

The same differences between servers are accepted, and the same is required, as in `openai_chat`.
"""

from __future__ import annotations

from typing import Any

from harness.core.adapter import Capabilities, Facts, StreamDecoder
from harness.core.endpoint import Endpoint
from harness.core.errors import ProtocolError, UsageError
from harness.core.exchange import Answer, Choice, EventKind, Query, Request, Response, StreamEvent, TokenLogprob
from harness.protocols.shared import values
from harness.protocols.shared.chat_parts import parse_index
from harness.protocols.shared.chat_stream import ChunkStream, decode_choices
from harness.protocols.shared.openai_family import OpenAIFamily, choose_model


class OpenAICompletions(OpenAIFamily):
    """The adapter; `/v1` is put before every path unless the URL of the endpoint already ends with it."""

    name = "openai_completions"
    title = "OpenAI completions, streamed or not"
    route = "/completions"

    input_member = "prompt"
    wrong_input = ("prompt_not_a_text", {"a": 5})
    offers = Capabilities(streaming=True, text=True, generates=True, seeds=True, echoes=True)

    def encode(self, endpoint: Endpoint, query: Query, facts: Facts) -> Request:
        """`inputs` is a prompt; an option of None removes the default of that name."""
        if not isinstance(query.inputs, str):
            raise UsageError("openai_completions takes a prompt as its input; check [endpoint] sample")
        body: dict[str, Any] = {"model": choose_model(endpoint, facts), "prompt": query.inputs}
        if query.stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        body |= query.options
        return self.make_request(endpoint, query, body)

    def decode(self, endpoint: Endpoint, response: Response) -> Answer:
        """Every choice. Raises `ProtocolError` with the place."""
        return decode_choices(values.parse_answer(response), _parse_choice)

    def decoder(self, endpoint: Endpoint) -> StreamDecoder:
        """A decoder of server-sent chunks."""
        return _Stream()


class _Stream(ChunkStream):
    def read_choice(self, choice: dict[str, Any], at: str, place: int) -> list[StreamEvent]:
        parsed = _parse_choice(choice, at, place)
        events = []
        if parsed.text:
            events.append(StreamEvent(EventKind.DELTA, text=parsed.text, index=parsed.index))
        if parsed.logprobs:
            events.append(StreamEvent(EventKind.LOGPROBS, value=parsed.logprobs, index=parsed.index))
        if parsed.finish_reason:
            events.append(StreamEvent(EventKind.FINISH, value=parsed.finish_reason, index=parsed.index))
        return events


def _parse_choice(choice: dict[str, Any], at: str, place: int) -> Choice:
    return Choice(
        parse_index(choice, place, at),
        values.accept_text(choice.get("text"), f"{at}.text") or "",
        values.accept_text(choice.get("finish_reason"), f"{at}.finish_reason") or None,
        logprobs=_parse_logprobs(choice.get("logprobs"), f"{at}.logprobs"),
    )


def _parse_logprobs(value: Any, at: str) -> tuple[TokenLogprob, ...]:
    """Tokens with their log-probabilities, in two lists; the first token of an echoed prompt has none."""
    if value is None:
        return ()
    lists = values.expect_object(value, at)
    tokens = values.expect_array(lists.get("tokens"), f"{at}.tokens")
    numbers = values.expect_array(lists.get("token_logprobs"), f"{at}.token_logprobs")
    if len(tokens) != len(numbers) or not all(isinstance(token, str) for token in tokens):
        raise ProtocolError(f"{len(tokens)} tokens and {len(numbers)} log-probabilities", at=at)
    return tuple(
        TokenLogprob(token, values.expect_number(number, f"{at}.token_logprobs"))
        for token, number in zip(tokens, numbers, strict=True)
        if number is not None
    )


ADAPTER = OpenAICompletions()
