"""OpenAI's responses over HTTP, streamed (named server-sent events) or not (vLLM, Ollama, llama.cpp, OpenAI).

An answer is complete if its status is `completed`, or `incomplete` because of the token limit. A stream must have its
last event, which repeats the whole response. Items of an unknown kind (searches) are ignored.
"""

from __future__ import annotations

from typing import Any

from harness.core.adapter import Capabilities, Facts, StreamDecoder
from harness.core.endpoint import Endpoint
from harness.core.errors import ProtocolError
from harness.core.exchange import Answer, Choice, EventKind, Query, Request, Response, StreamEvent, ToolCall
from harness.core.generation_options import LIMIT_OPTIONS
from harness.protocols.shared.chat_parts import make_model_event, parse_usage
from harness.protocols.shared.chat_stream import make_answer
from harness.protocols.shared.event_stream import JSONEventDecoder
from harness.protocols.shared.openai_family import OpenAIFamily, build_messages, choose_model
from harness.protocols.shared.values import accept_text, expect_array, expect_object, get_member, parse_answer

_COUNTS = ("input_tokens", "output_tokens", "total_tokens")
_REASONS = {"max_output_tokens": "length", "content_filter": "content_filter"}


class OpenAIResponses(OpenAIFamily):
    """The adapter; `/v1` is put before every path unless the URL of the endpoint already ends with it."""

    name = "openai_responses"
    title = "OpenAI responses, streamed or not"
    route = "/responses"

    input_member = "input"
    wrong_input = ("input_not_a_text", 5)
    limit_member = "max_output_tokens"
    offers = Capabilities(
        streaming=True, roles=True, text=True, messages=True
    )  # only the older APIs have stop sequences and seeds

    def encode(self, endpoint: Endpoint, query: Query, facts: Facts) -> Request:
        """`inputs` is a prompt or a list of messages; `max_tokens` is sent as `max_output_tokens`."""
        inputs = query.inputs
        if not isinstance(inputs, str):
            inputs = [_make_item(message) for message in build_messages(inputs, self.name)]
        body = {"model": choose_model(endpoint, facts), "input": inputs, "stream": query.stream or None}
        for name, value in query.options.items():
            body["max_output_tokens" if name in LIMIT_OPTIONS else name] = value
        return self.make_request(endpoint, query, body)

    def decode(self, endpoint: Endpoint, response: Response) -> Answer:
        """The text of every message, and the function calls. Raises `ProtocolError` with the place."""
        return _parse_response(parse_answer(response), "$")

    def decoder(self, endpoint: Endpoint) -> StreamDecoder:
        """A decoder of named server-sent events."""
        return _Stream()


def _make_item(message: dict[str, Any]) -> dict[str, Any]:
    """A message of chat as an item of the input: its texts are parts of the kinds that this API has."""
    content, kind = message.get("content"), "input_text"
    if message["role"] == "assistant":
        kind = "output_text"
    elif isinstance(content, str):
        return message
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    parts = []
    for part in content or ():
        is_text = part.get("type") == "text"
        parts.append({**part, "type": kind} if is_text else part)
    return {"type": "message", **message, "content": parts}


class _Stream(JSONEventDecoder):
    """Texts come in deltas; calls, usage and the finish reason are read from the whole response in the last event."""

    def read_event(self, name: str, value: dict[str, Any], at: str) -> list[StreamEvent]:
        kind = accept_text(value.get("type"), f"{at}.type") or name
        if kind == "response.output_text.delta":
            return [StreamEvent(EventKind.DELTA, text=accept_text(value.get("delta"), f"{at}.delta") or "")]
        if kind in ("response.reasoning_text.delta", "response.reasoning_summary_text.delta"):
            return [StreamEvent(EventKind.REASONING, text=accept_text(value.get("delta"), f"{at}.delta") or "")]
        if kind == "response.created":
            response = expect_object(value.get("response"), f"{at}.response")
            model = accept_text(response.get("model"), f"{at}.response.model")
            role = StreamEvent(EventKind.ROLE, value="assistant")
            return [role] if model is None else [make_model_event(model), role]
        if kind == "response.failed":
            return [StreamEvent(EventKind.ERROR, value=value)]
        if kind not in ("response.completed", "response.incomplete"):
            return [StreamEvent(EventKind.OTHER, value=value)]
        answer = _parse_response(expect_object(value.get("response"), f"{at}.response"), f"{at}.response")
        events = [StreamEvent(EventKind.TOOL_CALL, value=pair) for pair in enumerate(answer.tool_calls)]
        if answer.usage is not None:
            events.append(StreamEvent(EventKind.USAGE, value=answer.usage))
        if answer.finish_reason:
            events.append(StreamEvent(EventKind.FINISH, value=answer.finish_reason))
        return [*events, StreamEvent(EventKind.DONE)]


def _parse_response(value: dict[str, Any], at: str) -> Answer:
    texts, thoughts, calls = [], [], []
    for i, output in enumerate(expect_array(value.get("output"), f"{at}.output")):
        place = f"{at}.output[{i}]"
        item = expect_object(output, place)
        if item.get("type") == "message":
            texts.append(_join_texts(item.get("content"), f"{place}.content"))
        elif item.get("type") == "reasoning":
            for name in ("summary", "content"):
                thoughts.append(_join_texts(item.get(name) or [], f"{place}.{name}"))
        elif item.get("type") == "function_call":
            parts = [accept_text(item.get(key), f"{place}.{key}") for key in ("call_id", "name", "arguments")]
            calls.append(ToolCall(parts[0], parts[1] or "", parts[2] or ""))
    if not texts and not calls and not thoughts:
        raise ProtocolError("no message and no call in the output", at=f"{at}.output")
    reason = _parse_reason(value, at, bool(calls))
    choice = Choice(0, "".join(texts), reason, tuple(calls), reasoning="".join(thoughts))
    return make_answer(value, [choice], parse_usage(value.get("usage"), f"{at}.usage", _COUNTS), at)


def _parse_reason(value: dict[str, Any], at: str, has_calls: bool) -> str | None:
    """The finish reason as chat names it; None if the response did not end (`in_progress`, `failed`, `cancelled`)."""
    status = accept_text(value.get("status"), f"{at}.status")
    if status == "completed":
        return "tool_calls" if has_calls else "stop"
    return _REASONS.get(str(get_member(value, "incomplete_details", "reason"))) if status else None


def _join_texts(value: Any, at: str) -> str:
    texts = []
    for i, part in enumerate(expect_array(value, at)):
        texts.append(accept_text(expect_object(part, f"{at}[{i}]").get("text"), f"{at}[{i}].text") or "")
    return "".join(texts)


ADAPTER = OpenAIResponses()
