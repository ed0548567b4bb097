"""Hugging Face text-generation-inference over HTTP: `/generate`, and `/generate_stream` with server-sent events.

Written after the project's published OpenAPI document; no such server could be run for it. Special tokens are no text.
The last event brings the whole text and, in `details`, why it ended; without it an answer never came to its end.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.core.adapter import Capabilities, Facts, Recognition, StreamDecoder
from harness.core.endpoint import Endpoint
from harness.core.errors import ProtocolError, UsageError
from harness.core.exchange import Answer, Choice, EventKind, Query, Request, Response, StreamEvent, TokenLogprob, Usage
from harness.core.json_text import parse_json
from harness.protocols.shared.chat_stream import make_answer
from harness.protocols.shared.event_stream import JSONEventDecoder
from harness.protocols.shared.openai_family import SAMPLE_MAX_TOKENS, SAMPLE_PROMPT, GeneratesText
from harness.protocols.shared.values import (
    expect_array,
    expect_number,
    expect_object,
    expect_text,
    expect_whole_number,
    get_member,
    parse_name,
    refuse_error,
)
from harness.protocols.shared.wire import JSON_HEADERS, UNKNOWN_PATH, make_get, make_post, read_page

_REASONS = {"eos_token": "stop", "stop_sequence": "stop", "length": "length"}


class TGI(GeneratesText):
    """The adapter. Sampling parameters go into `parameters`, under the names that the server has for them."""

    name = "tgi"
    title = "Hugging Face text-generation-inference, streamed or whole"

    can = Capabilities(streaming=True, text=True, generates=True, seeds=True, liveness=True, model_version=True)

    def probes(self, endpoint: Endpoint) -> Mapping[str, Request]:
        """The health page and the server's description of itself."""
        return {"live": make_get("/health"), "metadata": make_get("/info"), "nowhere": make_get(UNKNOWN_PATH)}

    def recognise(self, endpoint: Endpoint, answers: Mapping[str, Response]) -> Recognition:
        """0.9: `/info` describes a text model. Below 1, for such a server speaks OpenAI's chat too."""
        (model, revision), info = self.identity(answers), read_page(answers, "metadata")
        if model is None or "max_total_tokens" not in info:
            return Recognition(0.0, "GET /info described no text model")
        return Recognition(0.9, f"GET /info describes the text model {model}", Facts((model,), revision))

    def encode(self, endpoint: Endpoint, query: Query, facts: Facts) -> Request:
        """`inputs` is a prompt. A temperature of 0, which the server refuses, is asked for as greedy decoding."""
        if not isinstance(query.inputs, str):
            raise UsageError("tgi takes a prompt as its input; check [endpoint] sample")
        parameters = {name: value for name, value in query.options.items() if value is not None}
        if "max_tokens" in parameters:
            parameters["max_new_tokens"] = parameters.pop("max_tokens")
        if isinstance(parameters.get("stop"), str):
            parameters["stop"] = [parameters["stop"]]
        if parameters.get("temperature") == 0:
            parameters |= {"do_sample": False}
            del parameters["temperature"]
        path = "/generate_stream" if query.stream else "/generate"
        return make_post(
            path, {"inputs": query.inputs, "parameters": {**parameters, "details": True}}, stream=query.stream
        )

    def decode(self, endpoint: Endpoint, response: Response) -> Answer:
        """The text. Raises `ProtocolError` with the place."""
        value: Any = parse_json(response.body)
        if isinstance(value, list) and len(value) == 1:
            value = value[0]  # the root path of the older API
        value = expect_object(value)
        refuse_error(value, response)
        text = expect_text(value.get("generated_text"), "$.generated_text")
        if text is None:
            raise ProtocolError("no generated_text in the answer", at="$")
        reason, counts = _details(value.get("details"), "$.details")
        return make_answer(value, [Choice(0, text, reason)], counts)

    def decoder(self, endpoint: Endpoint) -> StreamDecoder:
        """A decoder of server-sent tokens."""
        return _Stream()

    def bad_requests(self, endpoint: Endpoint, facts: Facts) -> Mapping[str, Request]:
        """Broken JSON, no inputs or those of the wrong type, a limit in words, a route that is not there."""
        valid = {"inputs": SAMPLE_PROMPT, "parameters": {"max_new_tokens": SAMPLE_MAX_TOKENS}}
        return {
            "malformed_json": Request("POST", "/generate", JSON_HEADERS, b'{"inputs": "Say'),
            "missing_inputs": make_post("/generate", {"parameters": {}}),
            "inputs_not_a_text": make_post("/generate", {**valid, "inputs": 5}),
            "max_new_tokens_in_words": make_post("/generate", {**valid, "parameters": {"max_new_tokens": "sixteen"}}),
            "unknown_path": make_post(UNKNOWN_PATH, valid),
        }

    def identity(self, answers: Mapping[str, Response]) -> tuple[str | None, str | None]:
        """The model and its revision as `/info` states them."""
        info = read_page(answers, "metadata")
        return parse_name(get_member(info, "model_id")), parse_name(get_member(info, "model_sha"))


class _Stream(JSONEventDecoder):
    def read(self, name: str, value: dict[str, Any], at: str) -> list[StreamEvent]:
        token = expect_object(value.get("token"), f"{at}.token")
        events = []
        text = expect_text(token.get("text"), f"{at}.token.text") or ""
        if text and token.get("special") is not True:
            events.append(StreamEvent(EventKind.DELTA, text=text))
            if token.get("logprob") is not None:
                found = TokenLogprob(text, expect_number(token["logprob"], f"{at}.token.logprob"))
                events.append(StreamEvent(EventKind.LOGPROBS, value=(found,)))
        if expect_text(value.get("generated_text"), f"{at}.generated_text") is not None:
            reason, usage = _details(value.get("details"), f"{at}.details")
            events.append(StreamEvent(EventKind.FINISH, value=reason or "stop"))
            events += [StreamEvent(EventKind.USAGE, value=usage)] if usage else []
            events.append(StreamEvent(EventKind.DONE))
        return events


def _details(value: Any, at: str) -> tuple[str | None, Usage | None]:
    if value is None:
        return None, None
    details = expect_object(value, at)
    reason = expect_text(details.get("finish_reason"), f"{at}.finish_reason")
    prefill = details.get("prefill")
    prompt = len(expect_array(prefill, f"{at}.prefill")) if prefill else None
    count = details.get("generated_tokens")
    usage = Usage(prompt, None if count is None else expect_whole_number(count, f"{at}.generated_tokens"))
    return _REASONS.get(reason or "", reason) or None, usage


ADAPTER = TGI()
