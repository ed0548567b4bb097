"""Anthropic's Messages over HTTP, streamed (named server-sent events) or whole (Anthropic, Ollama, LiteLLM, vLLM).

The key goes in `x-api-key` ([endpoint] credentials, scheme `header`); the version of the API is sent as the header
`anthropic-version` unless another is configured. Blocks of a kind that is not known (thinking) are passed over. An
answer is complete with its stop reason; finish reasons are told in chat's words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.core.adapter import Capabilities, Facts, Recognition, StreamDecoder
from harness.core.endpoint import Endpoint
from harness.core.exchange import Answer, Choice, EventKind, Query, Request, Response, StreamEvent, ToolCall, Usage
from harness.protocols.shared import openapi
from harness.protocols.shared.chat_parts import parse_counts
from harness.protocols.shared.chat_stream import make_answer, make_model_event
from harness.protocols.shared.event_stream import JSONEventDecoder
from harness.protocols.shared.openai_family import (
    SAMPLE_MAX_TOKENS,
    GeneratesText,
    OpenAIFamily,
    build_messages,
    choose_model,
    drop_none,
    find_prefix,
    parse_model_list,
)
from harness.protocols.shared.values import (
    expect_array,
    expect_object,
    expect_text,
    expect_whole_number,
    get_member,
    parse_answer,
)
from harness.protocols.shared.wire import (
    JSON_HEADERS,
    dump_json,
    get_status,
    is_offered,
    join_path,
    needs_credentials,
    read_json,
    read_page,
)

_VERSION = ("anthropic-version", "2023-06-01")
_COUNTS = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens")
_REASONS = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "tool_use": "tool_calls"}


class Anthropic(OpenAIFamily):
    """The adapter; `/v1` is put before every path unless the endpoint's URL ends with it already."""

    name = "anthropic"
    title = "Anthropic messages, streamed or whole"
    route = "/messages"
    asked = "messages"
    mistyped = ("messages_not_an_array", 5)

    can = Capabilities(streaming=True, roles=True, text=True, generates=True)
    capabilities = GeneratesText.capabilities  # the API has no page of health

    def recognise(self, endpoint: Endpoint, answers: Mapping[str, Response]) -> Recognition:
        """1.0: models are listed in this API's shape; 0.7: the list needs a key, said in its shape; 0.3 beside chat."""
        root = join_path(endpoint, find_prefix(endpoint))
        found = read_page(answers, "models")
        if _own_list(found):
            return Recognition(
                1.0, f"GET {root}/models answered with this API's list", Facts(parse_model_list(found) or ())
            )
        if needs_credentials(answers, "models") and is_offered(answers, "models") and _own_error(answers["models"]):
            said = f"GET {root}/models answered {get_status(answers, 'models')} with an Anthropic error: it needs a key"
            return Recognition(0.7, said)
        if openapi.has_post(read_page(answers, "openapi"), f"{root}/messages", "/v1/messages"):
            chat = openapi.has_post(read_page(answers, "openapi"), f"{root}/chat/completions", "/v1/chat/completions")
            said = f"its OpenAPI document has POST {root}/messages" + (", beside the one for chat" if chat else "")
            return Recognition(0.3 if chat else 0.95, said, Facts(parse_model_list(found) or ()))
        return Recognition(0.0, f"GET {root}/models brought no list of this API's")

    def encode(self, endpoint: Endpoint, query: Query, facts: Facts) -> Request:
        """`inputs` is a prompt or a list of messages; system messages go where this API has them.

        `stop` is called `stop_sequences` here; `max_tokens`, which it asks for, is 16 where none is given.
        """
        given = build_messages(query.inputs, self.name)
        system = "\n".join(str(each.get("content", "")) for each in given if each["role"] == "system") or None
        options = dict(query.options)
        if (stop := options.pop("stop", None)) is not None:
            options["stop_sequences"] = [stop] if isinstance(stop, str) else stop
        body = {
            "model": choose_model(endpoint, facts),
            "max_tokens": SAMPLE_MAX_TOKENS,
            "system": system,
            "messages": [each for each in given if each["role"] != "system"],
            "stream": True if query.stream else None,
            **options,
        }
        own = any(name.lower() == _VERSION[0] for name, _ in endpoint.headers)
        headers = JSON_HEADERS if own else (*JSON_HEADERS, _VERSION)
        return Request("POST", find_prefix(endpoint) + self.route, headers, dump_json(drop_none(body)), query.stream)

    def decode(self, endpoint: Endpoint, response: Response) -> Answer:
        """The text and the tool calls. Raises `ProtocolError` with the place."""
        value = parse_answer(response)
        texts, calls = [], []
        for i, each in enumerate(expect_array(value.get("content"), "$.content")):
            at = f"$.content[{i}]"
            block = expect_object(each, at)
            if block.get("type") == "text":
                texts.append(expect_text(block.get("text"), f"{at}.text") or "")
            elif block.get("type") == "tool_use":
                calls.append(_call(block, at, dump_json(block.get("input") or {}).decode()))
        reason = expect_text(value.get("stop_reason"), "$.stop_reason")
        choice = Choice(0, "".join(texts), _REASONS.get(reason or "", reason) or None, tuple(calls))
        return make_answer(value, [choice], _usage(value.get("usage"), "$.usage"))

    def decoder(self, endpoint: Endpoint) -> StreamDecoder:
        """A decoder of named server-sent events."""
        return _Stream()


class _Stream(JSONEventDecoder):
    """`message_start` brings model and prompt tokens, `message_delta` the stop reason, `message_stop` the end."""

    def __init__(self) -> None:
        super().__init__()
        self._prompt: int | None = None

    def read(self, name: str, value: dict[str, Any], at: str) -> list[StreamEvent]:
        kind = expect_text(value.get("type"), f"{at}.type") or name
        if kind == "message_start":
            message = expect_object(value.get("message"), f"{at}.message")
            self._counted(message.get("usage"), f"{at}.message.usage")
            stated = expect_text(message.get("model"), f"{at}.message.model")
            return [*([make_model_event(stated)] if stated else []), StreamEvent(EventKind.ROLE, value="assistant")]
        if kind == "content_block_start":
            return self._begin(value, at)
        if kind == "content_block_delta":
            return self._delta(value, at)
        if kind == "message_delta":
            reason = expect_text(expect_object(value.get("delta"), f"{at}.delta").get("stop_reason"), f"{at}.delta")
            counted = self._counted(value.get("usage"), f"{at}.usage")
            finish = [StreamEvent(EventKind.FINISH, value=_REASONS.get(reason, reason))] if reason else []
            return [*counted, *finish]
        if kind == "message_stop":
            return [StreamEvent(EventKind.DONE)]
        return [StreamEvent(EventKind.OTHER, value=value)]

    def _begin(self, value: dict[str, Any], at: str) -> list[StreamEvent]:
        block = expect_object(value.get("content_block"), f"{at}.content_block")
        if block.get("type") == "tool_use":
            number = expect_whole_number(value.get("index"), f"{at}.index")
            call = _call(block, f"{at}.content_block", "")
            return [StreamEvent(EventKind.TOOL_CALL, value=(number, call))]
        if text := expect_text(block.get("text"), f"{at}.content_block.text"):
            return [StreamEvent(EventKind.DELTA, text=text)]
        return []

    def _delta(self, value: dict[str, Any], at: str) -> list[StreamEvent]:
        delta = expect_object(value.get("delta"), f"{at}.delta")
        if delta.get("type") == "text_delta":
            return [StreamEvent(EventKind.DELTA, text=expect_text(delta.get("text"), f"{at}.delta.text") or "")]
        if delta.get("type") == "input_json_delta":
            number = expect_whole_number(value.get("index"), f"{at}.index")
            piece = expect_text(delta.get("partial_json"), f"{at}.delta.partial_json") or ""
            return [StreamEvent(EventKind.TOOL_CALL, value=(number, ToolCall(arguments=piece)))]
        return [StreamEvent(EventKind.OTHER, value=value)]

    def _counted(self, value: Any, at: str) -> list[StreamEvent]:
        if (told := _usage(value, at)) is None:
            return []
        if told.prompt_tokens is not None:
            self._prompt = told.prompt_tokens
        return [StreamEvent(EventKind.USAGE, value=Usage(self._prompt, told.completion_tokens))]


def _call(block: Mapping[str, Any], at: str, arguments: str) -> ToolCall:
    parts = [expect_text(block.get(key), f"{at}.{key}") for key in ("id", "name")]
    return ToolCall(parts[0] or None, parts[1] or "", arguments)


def _usage(value: Any, at: str) -> Usage | None:
    """The prompt's tokens are counted in three parts, of which `input_tokens` is what no cache held."""
    new, read, written, out = parse_counts(value, at, _COUNTS)
    return None if new is out is None else Usage(None if new is None else new + (read or 0) + (written or 0), out)


def _own_list(value: Any) -> bool:
    data = value.get("data") if isinstance(value, dict) and "has_more" in value else None
    return isinstance(data, list) and all(get_member(each, "type") == "model" for each in data)


def _own_error(response: Response) -> bool:
    value = read_json(response)
    return get_member(value, "type") == "error" and isinstance(get_member(value, "error", "type"), str)


ADAPTER = Anthropic()
