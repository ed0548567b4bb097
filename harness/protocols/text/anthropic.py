"""Anthropic's Messages over HTTP, streamed (named server-sent events) or not (Anthropic, Ollama, LiteLLM, vLLM).

The key is sent in `x-api-key` ([endpoint] credentials, scheme `header`). The header `anthropic-version` has the version
of the API, unless another one is configured. Blocks of an unknown kind are ignored. An answer is complete if it has
a stop reason; finish reasons are those of chat.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from harness.core.adapter import Capabilities, Facts, Recognition, StreamDecoder
from harness.core.endpoint import Endpoint
from harness.core.exchange import Answer, Choice, EventKind, Query, Request, Response, StreamEvent, ToolCall, Usage
from harness.core.generation_options import LIMIT_OPTIONS, find_limit_option
from harness.protocols.shared import openai_family, openapi, wire
from harness.protocols.shared.chat_parts import make_model_event, parse_counts
from harness.protocols.shared.chat_stream import make_answer
from harness.protocols.shared.event_stream import JSONEventDecoder
from harness.protocols.shared.values import (
    accept_text,
    expect_array,
    expect_object,
    expect_whole_number,
    get_member,
    parse_answer,
)

_VERSION = ("anthropic-version", "2023-06-01")
_COUNTS = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens")
_REASONS = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "tool_use": "tool_calls"}


class Anthropic(openai_family.OpenAIFamily):
    """The adapter; `/v1` is put before every path unless the URL of the endpoint already ends with it."""

    name = "anthropic"
    title = "Anthropic messages, streamed or not"
    route = "/messages"
    input_member = "messages"
    wrong_input = ("messages_not_an_array", 5)

    offers = Capabilities(streaming=True, roles=True, text=True, messages=True, generates=True)
    capabilities = openai_family.GeneratesText.capabilities  # the API has no health page

    def recognise(self, endpoint: Endpoint, answers: Mapping[str, Response]) -> Recognition:
        """1.0: a list of models in this API's format; 0.7: an error in it; 0.95: its route; 0.3: chat's route too."""
        root = wire.join_path(endpoint, openai_family.find_prefix(endpoint))
        page, document = wire.read_page(answers, "models"), wire.read_page(answers, "openapi")
        facts = Facts(openai_family.parse_model_list(page) or ())
        if _is_anthropic_list(page):
            return Recognition(1.0, f"GET {root}/models answered with this API's list", facts)
        is_refused = wire.needs_credentials(answers, "models") and wire.is_offered(answers, "models")
        if is_refused and _is_anthropic_error(answers["models"]):
            status = wire.get_status(answers, "models")
            return Recognition(0.7, f"GET {root}/models answered {status} with an Anthropic error: it needs a key")
        if not openapi.has_post(document, f"{root}/messages", "/v1/messages"):
            return Recognition(0.0, f"GET {root}/models did not answer with a list in the format of this API", facts)
        reason = f"its OpenAPI document has POST {root}/messages"
        if openapi.has_post(document, f"{root}/chat/completions", "/v1/chat/completions"):
            return Recognition(0.3, f"{reason}, beside the one for chat", facts)
        return Recognition(0.95, reason, facts)

    def encode(self, endpoint: Endpoint, query: Query, facts: Facts) -> Request:
        """`inputs` is a prompt or a list of messages; the text of system messages becomes `system`.

        The option `stop` is sent as `stop_sequences`; `max_tokens`, which the API requires, is 16 by default.
        """
        messages = openai_family.build_messages(query.inputs, self.name)
        system = "\n".join(_join_texts(message.get("content")) for message in messages if message["role"] == "system")
        options = {name: value for name, value in query.options.items() if name not in LIMIT_OPTIONS}
        limit = query.options.get(find_limit_option(query.options), openai_family.SAMPLE_MAX_TOKENS)
        if (stop := options.pop("stop", None)) is not None:
            options["stop_sequences"] = [stop] if isinstance(stop, str) else stop
        body = {
            "model": openai_family.choose_model(endpoint, facts),
            "max_tokens": limit,
            "system": system or None,
            "messages": [message for message in messages if message["role"] != "system"],
            "stream": query.stream or None,
            **options,
        }
        has_version = any(name.lower() == _VERSION[0] for name, _ in endpoint.headers)
        headers = wire.JSON_HEADERS if has_version else (*wire.JSON_HEADERS, _VERSION)
        return replace(self.make_request(endpoint, query, body), headers=headers)

    def decode(self, endpoint: Endpoint, response: Response) -> Answer:
        """The text and the tool calls. Raises `ProtocolError` with the place."""
        value = parse_answer(response)
        texts, thoughts, calls = [], [], []
        for i, item in enumerate(expect_array(value.get("content"), "$.content")):
            at = f"$.content[{i}]"
            block = expect_object(item, at)
            if block.get("type") == "text":
                texts.append(accept_text(block.get("text"), f"{at}.text") or "")
            elif block.get("type") == "thinking":
                thoughts.append(accept_text(block.get("thinking"), f"{at}.thinking") or "")
            elif block.get("type") == "tool_use":
                calls.append(_parse_call(block, at, wire.dump_json(block.get("input") or {}).decode()))
        reason = accept_text(value.get("stop_reason"), "$.stop_reason") or ""
        finish_reason = _REASONS.get(reason, reason) or None
        choice = Choice(0, "".join(texts), finish_reason, tuple(calls), reasoning="".join(thoughts))
        return make_answer(value, [choice], _parse_usage(value.get("usage"), "$.usage"))

    def decoder(self, endpoint: Endpoint) -> StreamDecoder:
        """A decoder of named server-sent events."""
        return _Stream()


class _Stream(JSONEventDecoder):
    """`message_start` has the model and the prompt tokens, `message_delta` the stop reason, `message_stop` the end."""

    def __init__(self) -> None:
        super().__init__()
        self._prompt_tokens: int | None = None
        self._cached_tokens: int | None = None

    def read_event(self, name: str, value: dict[str, Any], at: str) -> list[StreamEvent]:
        kind = accept_text(value.get("type"), f"{at}.type") or name
        if kind == "message_start":
            return self._read_start(expect_object(value.get("message"), f"{at}.message"), f"{at}.message")
        if kind == "content_block_start":
            return self._read_block(value, at)
        if kind == "content_block_delta":
            return self._read_delta(value, at)
        if kind == "message_delta":
            reason = accept_text(expect_object(value.get("delta"), f"{at}.delta").get("stop_reason"), f"{at}.delta")
            events = self._read_usage(value.get("usage"), f"{at}.usage")
            if reason:
                events.append(StreamEvent(EventKind.FINISH, value=_REASONS.get(reason, reason)))
            return events
        if kind == "message_stop":
            return [StreamEvent(EventKind.DONE)]
        return [StreamEvent(EventKind.OTHER, value=value)]

    def _read_start(self, message: dict[str, Any], at: str) -> list[StreamEvent]:
        self._read_usage(message.get("usage"), f"{at}.usage")
        role = StreamEvent(EventKind.ROLE, value="assistant")
        model = accept_text(message.get("model"), f"{at}.model")
        return [make_model_event(model), role] if model else [role]

    def _read_block(self, value: dict[str, Any], at: str) -> list[StreamEvent]:
        block = expect_object(value.get("content_block"), f"{at}.content_block")
        if block.get("type") == "tool_use":
            number = expect_whole_number(value.get("index"), f"{at}.index")
            return [StreamEvent(EventKind.TOOL_CALL, value=(number, _parse_call(block, f"{at}.content_block", "")))]
        text = accept_text(block.get("text"), f"{at}.content_block.text")
        return [StreamEvent(EventKind.DELTA, text=text)] if text else []

    def _read_delta(self, value: dict[str, Any], at: str) -> list[StreamEvent]:
        delta = expect_object(value.get("delta"), f"{at}.delta")
        if delta.get("type") == "text_delta":
            return [StreamEvent(EventKind.DELTA, text=accept_text(delta.get("text"), f"{at}.delta.text") or "")]
        if delta.get("type") == "thinking_delta":
            thinking = accept_text(delta.get("thinking"), f"{at}.delta.thinking") or ""
            return [StreamEvent(EventKind.REASONING, text=thinking)]
        if delta.get("type") == "input_json_delta":
            number = expect_whole_number(value.get("index"), f"{at}.index")
            piece = accept_text(delta.get("partial_json"), f"{at}.delta.partial_json") or ""
            return [StreamEvent(EventKind.TOOL_CALL, value=(number, ToolCall(arguments=piece)))]
        return [StreamEvent(EventKind.OTHER, value=value)]

    def _read_usage(self, value: Any, at: str) -> list[StreamEvent]:
        usage = _parse_usage(value, at)
        if usage is None:
            return []
        if usage.prompt_tokens is not None:
            self._prompt_tokens = usage.prompt_tokens
        if usage.cached_tokens is not None:
            self._cached_tokens = usage.cached_tokens
        usage = Usage(self._prompt_tokens, usage.completion_tokens, cached_tokens=self._cached_tokens)
        return [StreamEvent(EventKind.USAGE, value=usage)]


def _join_texts(content: Any) -> str:
    """The text of a message, which may be a list of parts."""
    if not isinstance(content, list):
        return str(content or "")
    return "\n".join(str(get_member(part, "text") or "") for part in content)


def _parse_call(block: Mapping[str, Any], at: str, arguments: str) -> ToolCall:
    call_id, name = (accept_text(block.get(key), f"{at}.{key}") for key in ("id", "name"))
    return ToolCall(call_id or None, name or "", arguments)


def _parse_usage(value: Any, at: str) -> Usage | None:
    """The tokens of the prompt are stated in three parts; `input_tokens` are those that were not in a cache."""
    new, read, written, completion = parse_counts(value, at, _COUNTS)
    if new is None:
        return None if completion is None else Usage(None, completion)
    return Usage(new + (read or 0) + (written or 0), completion, cached_tokens=read)


def _is_anthropic_list(page: Any) -> bool:
    models = page.get("data") if isinstance(page, dict) and "has_more" in page else None
    return isinstance(models, list) and all(get_member(model, "type") == "model" for model in models)


def _is_anthropic_error(response: Response) -> bool:
    value = wire.read_json(response)
    return get_member(value, "type") == "error" and isinstance(get_member(value, "error", "type"), str)


ADAPTER = Anthropic()
