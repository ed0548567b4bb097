"""OpenAI's responses over HTTP, streamed (named server-sent events) or whole (vLLM, Ollama, llama.cpp, OpenAI).

An answer is complete with status `completed`, or `incomplete` for want of tokens; a stream needs its last event, which
repeats the whole response. Items of a kind that is not known (reasoning, searches) are passed over.
"""

from __future__ import annotations

from typing import Any

from harness.core.adapter import Capabilities, Facts, StreamDecoder
from harness.core.endpoint import Endpoint
from harness.core.errors import ProtocolError
from harness.core.exchange import Answer, Choice, EventKind, Query, Request, Response, StreamEvent, ToolCall
from harness.protocols.shared.chat_parts import parse_usage
from harness.protocols.shared.chat_stream import make_answer, make_model_event
from harness.protocols.shared.event_stream import JSONEventDecoder
from harness.protocols.shared.openai_family import OpenAIFamily, build_messages, choose_model, drop_none, find_prefix
from harness.protocols.shared.values import expect_array, expect_object, expect_text, get_member, parse_answer
from harness.protocols.shared.wire import make_post

_COUNTS = ("input_tokens", "output_tokens", "total_tokens")
_ENDS = {"response.completed", "response.incomplete"}


class OpenAIResponses(OpenAIFamily):
    """The adapter; `/v1` is put before every path unless the endpoint's URL ends with it already."""

    name = "openai_responses"
    title = "OpenAI responses, streamed or whole"
    route = "/responses"

    asked = "input"
    mistyped = ("input_not_a_text", 5)
    limit = "max_output_tokens"
    can = Capabilities(streaming=True, roles=True, text=True)  # stop strings and seeds are the older APIs'

    def encode(self, endpoint: Endpoint, query: Query, facts: Facts) -> Request:
        """`inputs` is a prompt or a list of messages; `max_tokens` is called `max_output_tokens` here."""
        options = {"max_output_tokens" if n == "max_tokens" else n: value for n, value in query.options.items()}
        given = query.inputs if isinstance(query.inputs, str) else build_messages(query.inputs, self.name)
        body = {
            "model": choose_model(endpoint, facts),
            "input": given,
            "stream": True if query.stream else None,
            **options,
        }
        return make_post(find_prefix(endpoint) + "/responses", drop_none(body), stream=query.stream)

    def decode(self, endpoint: Endpoint, response: Response) -> Answer:
        """The text of every message, and the function calls. Raises `ProtocolError` with the place."""
        return _answer(parse_answer(response), "$")

    def decoder(self, endpoint: Endpoint) -> StreamDecoder:
        """A decoder of named server-sent events."""
        return _Stream()


class _Stream(JSONEventDecoder):
    """Deltas come by name; the calls, the usage and the end are read from the whole response in the last event."""

    def read(self, name: str, value: dict[str, Any], at: str) -> list[StreamEvent]:
        kind = expect_text(value.get("type"), f"{at}.type") or name
        if kind == "response.output_text.delta":
            return [StreamEvent(EventKind.DELTA, text=expect_text(value.get("delta"), f"{at}.delta") or "")]
        if kind == "response.created":
            stated = expect_object(value.get("response"), f"{at}.response").get("model")
            role = [StreamEvent(EventKind.ROLE, value="assistant")]
            return (
                role
                if (model := expect_text(stated, f"{at}.response.model")) is None
                else [make_model_event(model), *role]
            )
        if kind == "response.failed":
            return [StreamEvent(EventKind.ERROR, value=value)]
        if kind not in _ENDS:
            return [StreamEvent(EventKind.OTHER, value=value)]
        answer = _answer(expect_object(value.get("response"), f"{at}.response"), f"{at}.response")
        events = [StreamEvent(EventKind.TOOL_CALL, value=pair) for pair in enumerate(answer.tool_calls)]
        if answer.usage is not None:
            events.append(StreamEvent(EventKind.USAGE, value=answer.usage))
        finish = [StreamEvent(EventKind.FINISH, value=answer.finish_reason)] if answer.finish_reason else []
        return [*events, *finish, StreamEvent(EventKind.DONE)]


def _answer(value: dict[str, Any], at: str) -> Answer:
    texts, calls = [], []
    for i, each in enumerate(expect_array(value.get("output"), f"{at}.output")):
        item = expect_object(each, f"{at}.output[{i}]")
        if item.get("type") == "message":
            texts.append(_text(item.get("content"), f"{at}.output[{i}].content"))
        elif item.get("type") == "function_call":
            parts = [expect_text(item.get(key), f"{at}.output[{i}].{key}") for key in ("call_id", "name", "arguments")]
            calls.append(ToolCall(parts[0], parts[1] or "", parts[2] or ""))
    if not texts and not calls:
        raise ProtocolError("no message and no call in the output", at=f"{at}.output")
    choice = Choice(0, "".join(texts), _reason(value, at, bool(calls)), tuple(calls))
    return make_answer(value, [choice], parse_usage(value.get("usage"), f"{at}.usage", _COUNTS), at)


def _reason(value: dict[str, Any], at: str, calls: bool) -> str | None:
    """Why it ended, in chat's words; None where it did not (`in_progress`, `failed`, `cancelled`)."""
    status = expect_text(value.get("status"), f"{at}.status")
    if status == "completed":
        return "tool_calls" if calls else "stop"
    reason = get_member(value, "incomplete_details", "reason")
    return {"max_output_tokens": "length", "content_filter": "content_filter"}.get(str(reason)) if status else None


def _text(value: Any, at: str) -> str:
    parts = [expect_object(each, f"{at}[{i}]") for i, each in enumerate(expect_array(value, at))]
    return "".join(expect_text(part.get("text"), f"{at}[{i}].text") or "" for i, part in enumerate(parts))


ADAPTER = OpenAIResponses()
