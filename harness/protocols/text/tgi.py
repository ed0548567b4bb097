"""Hugging Face text-generation-inference over HTTP: `/generate`, and `/generate_stream` with server-sent events.

Written from the published OpenAPI document of the project; no such server could be run to test it. Special tokens are
not text. The last event has the whole text and, in `details`, the finish reason; without it an answer is not complete.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.core.adapter import Capabilities, Facts, Recognition, StreamDecoder
from harness.core.endpoint import Endpoint
from harness.core.errors import ProtocolError, UsageError
from harness.core.exchange import Answer, Choice, EventKind, Query, Request, Response, StreamEvent, TokenLogprob, Usage
from harness.core.generation_options import LIMIT_OPTIONS
from harness.core.json_text import parse_json
from harness.protocols.shared import values
from harness.protocols.shared.chat_stream import make_answer
from harness.protocols.shared.event_stream import JSONEventDecoder
from harness.protocols.shared.openai_family import SAMPLE_MAX_TOKENS, SAMPLE_PROMPT, GeneratesText
from harness.protocols.shared.wire import JSON_HEADERS, UNKNOWN_PATH, make_get, make_post, read_page

_REASONS = {"eos_token": "stop", "stop_sequence": "stop", "length": "length"}


class TGI(GeneratesText):
    """The adapter. Sampling parameters are sent in `parameters`, under the names of the server."""

    name = "tgi"
    title = "Hugging Face text-generation-inference, streamed or not"

    offers = Capabilities(streaming=True, text=True, generates=True, seeds=True, liveness=True, model_version=True)

    def probes(self, endpoint: Endpoint) -> Mapping[str, Request]:
        """The health page, and the description of the server."""
        return {"live": make_get("/health"), "metadata": make_get("/info"), "nowhere": make_get(UNKNOWN_PATH)}

    def recognise(self, endpoint: Endpoint, answers: Mapping[str, Response]) -> Recognition:
        """0.9: `/info` describes a text model. Not 1, because such a server also speaks OpenAI's chat."""
        model, revision = self.identity(answers)
        if model is None or "max_total_tokens" not in read_page(answers, "metadata"):
            return Recognition(0.0, "GET /info did not describe a text model")
        return Recognition(0.9, f"GET /info describes the text model {model}", Facts((model,), revision))

    def encode(self, endpoint: Endpoint, query: Query, facts: Facts) -> Request:
        """`inputs` is a prompt. A temperature of 0, which the server refuses, becomes greedy decoding."""
        if not isinstance(query.inputs, str):
            raise UsageError("tgi takes a prompt as its input; check [endpoint] sample")
        parameters = {name: value for name, value in query.options.items() if value is not None}
        for name in LIMIT_OPTIONS:
            if name in parameters:
                parameters["max_new_tokens"] = parameters.pop(name)
        if isinstance(parameters.get("stop"), str):
            parameters["stop"] = [parameters["stop"]]
        if parameters.get("temperature") == 0:
            del parameters["temperature"]
            parameters["do_sample"] = False
        parameters["details"] = True
        path = "/generate_stream" if query.stream else "/generate"
        return make_post(path, {"inputs": query.inputs, "parameters": parameters}, stream=query.stream)

    def decode(self, endpoint: Endpoint, response: Response) -> Answer:
        """The text. Raises `ProtocolError` with the place."""
        value: Any = parse_json(response.body)
        if isinstance(value, list) and len(value) == 1:
            value = value[0]  # the root path of the older API
        value = values.expect_object(value)
        values.refuse_error(value, response)
        text = values.accept_text(value.get("generated_text"), "$.generated_text")
        if text is None:
            raise ProtocolError("no generated_text in the answer", at="$")
        reason, usage = _parse_details(value.get("details"), "$.details")
        return make_answer(value, [Choice(0, text, reason)], usage)

    def decoder(self, endpoint: Endpoint) -> StreamDecoder:
        """A decoder of server-sent tokens."""
        return _Stream()

    def bad_requests(self, endpoint: Endpoint, facts: Facts) -> Mapping[str, Request]:
        """Invalid JSON, no inputs, inputs of the wrong type, a limit that is a word, an unknown path."""
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
        model, revision = (values.parse_name(values.get_member(info, name)) for name in ("model_id", "model_sha"))
        return model, revision


class _Stream(JSONEventDecoder):
    def read_event(self, name: str, value: dict[str, Any], at: str) -> list[StreamEvent]:
        token = values.expect_object(value.get("token"), f"{at}.token")
        events = []
        text = values.accept_text(token.get("text"), f"{at}.token.text") or ""
        if text and token.get("special") is not True:
            events.append(StreamEvent(EventKind.DELTA, text=text))
            if token.get("logprob") is not None:
                logprob = TokenLogprob(text, values.expect_number(token["logprob"], f"{at}.token.logprob"))
                events.append(StreamEvent(EventKind.LOGPROBS, value=(logprob,)))
        if values.accept_text(value.get("generated_text"), f"{at}.generated_text") is not None:
            reason, usage = _parse_details(value.get("details"), f"{at}.details")
            events.append(StreamEvent(EventKind.FINISH, value=reason or "stop"))
            if usage:
                events.append(StreamEvent(EventKind.USAGE, value=usage))
            events.append(StreamEvent(EventKind.DONE))
        return events


def _parse_details(value: Any, at: str) -> tuple[str | None, Usage | None]:
    """The finish reason and the token counts."""
    if value is None:
        return None, None
    details = values.expect_object(value, at)
    reason = values.accept_text(details.get("finish_reason"), f"{at}.finish_reason") or ""
    prefill = details.get("prefill")
    prompt_tokens = len(values.expect_array(prefill, f"{at}.prefill")) if prefill else None
    completion_tokens = values.accept_whole_number(details.get("generated_tokens"), f"{at}.generated_tokens")
    return _REASONS.get(reason, reason) or None, Usage(prompt_tokens, completion_tokens)


ADAPTER = TGI()
