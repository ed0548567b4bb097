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
from harness.protocols.shared.chat_parts import usage
from harness.protocols.shared.chat_stream import made, named
from harness.protocols.shared.event_stream import JSONEvents
from harness.protocols.shared.openai_family import Family, base, messages, model, without_none
from harness.protocols.shared.values import an_array, an_object, answered, member, text_or_none
from harness.protocols.shared.wire import post

_COUNTS = ("input_tokens", "output_tokens", "total_tokens")
_ENDS = {"response.completed", "response.incomplete"}


class OpenAIResponses(Family):
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
        given = query.inputs if isinstance(query.inputs, str) else messages(query.inputs, self.name)
        body = {"model": model(endpoint, facts), "input": given, "stream": True if query.stream else None, **options}
        return post(base(endpoint) + "/responses", without_none(body), stream=query.stream)

    def decode(self, endpoint: Endpoint, response: Response) -> Answer:
        """The text of every message, and the function calls. Raises `ProtocolError` with the place."""
        return _answer(answered(response), "$")

    def decoder(self, endpoint: Endpoint) -> StreamDecoder:
        """A decoder of named server-sent events."""
        return _Stream()


class _Stream(JSONEvents):
    """Deltas come by name; the calls, the usage and the end are read from the whole response in the last event."""

    def read(self, name: str, value: dict[str, Any], at: str) -> list[StreamEvent]:
        kind = text_or_none(value.get("type"), f"{at}.type") or name
        if kind == "response.output_text.delta":
            return [StreamEvent(EventKind.DELTA, text=text_or_none(value.get("delta"), f"{at}.delta") or "")]
        if kind == "response.created":
            stated = an_object(value.get("response"), f"{at}.response").get("model")
            role = [StreamEvent(EventKind.ROLE, value="assistant")]
            return role if (model := text_or_none(stated, f"{at}.response.model")) is None else [named(model), *role]
        if kind == "response.failed":
            return [StreamEvent(EventKind.ERROR, value=value)]
        if kind not in _ENDS:
            return [StreamEvent(EventKind.OTHER, value=value)]
        answer = _answer(an_object(value.get("response"), f"{at}.response"), f"{at}.response")
        events = [StreamEvent(EventKind.TOOL_CALL, value=pair) for pair in enumerate(answer.tool_calls)]
        if answer.usage is not None:
            events.append(StreamEvent(EventKind.USAGE, value=answer.usage))
        finish = [StreamEvent(EventKind.FINISH, value=answer.finish_reason)] if answer.finish_reason else []
        return [*events, *finish, StreamEvent(EventKind.DONE)]


def _answer(value: dict[str, Any], at: str) -> Answer:
    texts, calls = [], []
    for i, each in enumerate(an_array(value.get("output"), f"{at}.output")):
        item = an_object(each, f"{at}.output[{i}]")
        if item.get("type") == "message":
            texts.append(_text(item.get("content"), f"{at}.output[{i}].content"))
        elif item.get("type") == "function_call":
            parts = [text_or_none(item.get(key), f"{at}.output[{i}].{key}") for key in ("call_id", "name", "arguments")]
            calls.append(ToolCall(parts[0], parts[1] or "", parts[2] or ""))
    if not texts and not calls:
        raise ProtocolError("no message and no call in the output", at=f"{at}.output")
    choice = Choice(0, "".join(texts), _reason(value, at, bool(calls)), tuple(calls))
    return made(value, [choice], usage(value.get("usage"), f"{at}.usage", _COUNTS), at)


def _reason(value: dict[str, Any], at: str, calls: bool) -> str | None:
    """Why it ended, in chat's words; None where it did not (`in_progress`, `failed`, `cancelled`)."""
    status = text_or_none(value.get("status"), f"{at}.status")
    if status == "completed":
        return "tool_calls" if calls else "stop"
    reason = member(value, "incomplete_details", "reason")
    return {"max_output_tokens": "length", "content_filter": "content_filter"}.get(str(reason)) if status else None


def _text(value: Any, at: str) -> str:
    parts = [an_object(each, f"{at}[{i}]") for i, each in enumerate(an_array(value, at))]
    return "".join(text_or_none(part.get("text"), f"{at}[{i}].text") or "" for i, part in enumerate(parts))


ADAPTER = OpenAIResponses()
