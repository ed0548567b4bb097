"""OpenAI's older completions over HTTP, streamed or whole: a prompt goes on (vLLM, Ollama, llama.cpp, LiteLLM).

As lenient and as strict as `openai_chat`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.core.adapter import Capabilities, Facts, StreamDecoder
from harness.core.endpoint import Endpoint
from harness.core.errors import ProtocolError, UsageError
from harness.core.exchange import (
    Answer,
    Choice,
    EventKind,
    Query,
    Request,
    Response,
    StreamEvent,
    TokenLogprob,
)
from harness.core.jsontext import parse
from harness.protocols._chatparts import logarithm, usage, whole_number
from harness.protocols._chatstream import named
from harness.protocols._events import JSONEvents
from harness.protocols._openai import MAX_TOKENS, PROMPT, Family, base, model, without_none
from harness.protocols._wire import (
    JSON,
    NOWHERE,
    an_array,
    an_object,
    post,
    refuse_error,
    text_or_none,
)


class OpenAICompletions(Family):
    """The adapter; `/v1` is put before every path unless the endpoint's URL ends with it already."""

    name = "openai_completions"
    title = "OpenAI completions, streamed or whole"
    route = "/completions"

    def capabilities(self, endpoint: Endpoint, facts: Facts) -> Capabilities:
        """Streaming and text; liveness where a health page was found, metadata where the models are listed."""
        live = endpoint.template.health is not None or bool(facts.inputs.get("live"))
        return Capabilities(
            streaming=True, text=True, generates=True, seeds=True, liveness=live, metadata=bool(facts.models)
        )

    def encode(self, endpoint: Endpoint, query: Query, facts: Facts) -> Request:
        """`inputs` is a prompt; an option of None takes the default of that name out."""
        if not isinstance(query.inputs, str):
            raise UsageError("openai_completions takes a prompt as its input; check [endpoint] sample")
        body: dict[str, Any] = {"model": model(endpoint, facts), "prompt": query.inputs}
        if query.stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return post(base(endpoint) + "/completions", without_none({**body, **query.options}), stream=query.stream)

    def decode(self, endpoint: Endpoint, response: Response) -> Answer:
        """Every choice. Raises `ProtocolError` with the place."""
        value = an_object(parse(response.body))
        refuse_error(value, response)
        choices = tuple(
            _choice(each, f"$.choices[{i}]", i) for i, each in enumerate(an_array(value.get("choices"), "$.choices"))
        )
        if not choices:
            raise ProtocolError("no choice in the answer", at="$.choices")
        first = next((each for each in choices if each.index == 0), choices[0])
        return Answer(
            text=first.text,
            value=value,
            model=text_or_none(value.get("model"), "$.model"),
            finish_reason=first.finish_reason,
            usage=usage(value.get("usage"), "$.usage"),
            complete=all(each.finish_reason for each in choices),
            choices=choices,
        )

    def decoder(self, endpoint: Endpoint) -> StreamDecoder:
        """A decoder of server-sent chunks."""
        return _Stream()

    def bad_requests(self, endpoint: Endpoint, facts: Facts) -> Mapping[str, Request]:
        """Broken JSON, no prompt or one of the wrong type, `max_tokens` in words, a route that is not there."""
        path = base(endpoint) + "/completions"
        valid = without_none({"model": model(endpoint, facts), "prompt": PROMPT, "max_tokens": MAX_TOKENS})
        return {
            "malformed_json": Request("POST", path, JSON, b'{"prompt": "Say'),
            "missing_prompt": post(path, {name: value for name, value in valid.items() if name != "prompt"}),
            "prompt_not_a_text": post(path, {**valid, "prompt": {"a": 5}}),
            "max_tokens_in_words": post(path, {**valid, "max_tokens": "sixteen"}),
            "unknown_path": post(base(endpoint) + NOWHERE, valid),
        }


class _Stream(JSONEvents):
    def __init__(self) -> None:
        super().__init__()
        self._model: str | None = None

    def read(self, name: str, value: dict[str, Any], at: str) -> list[StreamEvent]:
        if "choices" not in value and value.get("usage") is None:
            raise ProtocolError("no choices in a chunk", at=at)
        events = []
        if (stated := text_or_none(value.get("model"), f"{at}.model")) not in (None, self._model):
            self._model = stated
            events.append(named(stated))
        for i, each in enumerate([] if value.get("choices") is None else an_array(value["choices"], f"{at}.choices")):
            events += _events(_choice(each, f"{at}.choices[{i}]", i))
        if (counts := usage(value.get("usage"), f"{at}.usage")) is not None:
            events.append(StreamEvent(EventKind.USAGE, value=counts))
        return events or [StreamEvent(EventKind.OTHER, value=value)]


def _events(choice: Choice) -> list[StreamEvent]:
    events = []
    if choice.text:
        events.append(StreamEvent(EventKind.DELTA, text=choice.text, index=choice.index))
    if choice.logprobs:
        events.append(StreamEvent(EventKind.LOGPROBS, value=choice.logprobs, index=choice.index))
    if choice.finish_reason:
        events.append(StreamEvent(EventKind.FINISH, value=choice.finish_reason, index=choice.index))
    return events


def _choice(value: Any, at: str, place: int) -> Choice:
    choice = an_object(value, at)
    return Choice(
        place if choice.get("index") is None else whole_number(choice["index"], f"{at}.index"),
        text_or_none(choice.get("text"), f"{at}.text") or "",
        text_or_none(choice.get("finish_reason"), f"{at}.finish_reason") or None,
        logprobs=_logprobs(choice.get("logprobs"), f"{at}.logprobs"),
    )


def _logprobs(value: Any, at: str) -> tuple[TokenLogprob, ...]:
    """Tokens with their log-probabilities, in this API's columns; the first of a prompt that is echoed has none."""
    if value is None:
        return ()
    columns = an_object(value, at)
    tokens = an_array(columns.get("tokens"), f"{at}.tokens")
    numbers = an_array(columns.get("token_logprobs"), f"{at}.token_logprobs")
    if len(tokens) != len(numbers) or not all(isinstance(each, str) for each in tokens):
        raise ProtocolError(f"{len(tokens)} tokens and {len(numbers)} log-probabilities", at=at)
    return tuple(
        TokenLogprob(token, logarithm(number, f"{at}.token_logprobs"))
        for token, number in zip(tokens, numbers, strict=True)
        if number is not None
    )


ADAPTER = OpenAICompletions()
