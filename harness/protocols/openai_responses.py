"""OpenAI's responses over HTTP, streamed (named server-sent events) or whole (vLLM, Ollama, llama.cpp, OpenAI).

An answer is complete with status `completed`, or `incomplete` for want of tokens; a stream needs its last event, which
repeats the whole response. Items of a kind that is not known (reasoning, searches) are passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.core.adapter import Capabilities, Facts, StreamDecoder
from harness.core.endpoint import Endpoint
from harness.core.errors import ProtocolError
from harness.core.exchange import Answer, Choice, EventKind, Query, Request, Response, StreamEvent, ToolCall, Usage
from harness.core.jsontext import parse
from harness.protocols._chatparts import whole_number
from harness.protocols._chatstream import named
from harness.protocols._events import JSONEvents
from harness.protocols._openai import MAX_TOKENS, PROMPT, Family, base, messages, model, without_none
from harness.protocols._wire import (
    JSON,
    NOWHERE,
    an_array,
    an_object,
    post,
    refuse_error,
    text_or_none,
)

_ENDS = {"response.completed", "response.incomplete"}


class OpenAIResponses(Family):
    """The adapter; `/v1` is put before every path unless the endpoint's URL ends with it already."""

    name = "openai_responses"
    title = "OpenAI responses, streamed or whole"
    route = "/responses"

    def capabilities(self, endpoint: Endpoint, facts: Facts) -> Capabilities:
        """Streaming and text, without the stop strings and seeds of the older APIs."""
        live = endpoint.template.health is not None or bool(facts.inputs.get("live"))
        return Capabilities(streaming=True, roles=True, text=True, liveness=live, metadata=bool(facts.models))

    def encode(self, endpoint: Endpoint, query: Query, facts: Facts) -> Request:
        """`inputs` is a prompt or a list of messages; `max_tokens` is called `max_output_tokens` here."""
        options = {"max_output_tokens" if n == "max_tokens" else n: value for n, value in query.options.items()}
        given = query.inputs if isinstance(query.inputs, str) else messages(query.inputs, self.name)
        body = {"model": model(endpoint, facts), "input": given, "stream": True if query.stream else None, **options}
        return post(base(endpoint) + "/responses", without_none(body), stream=query.stream)

    def decode(self, endpoint: Endpoint, response: Response) -> Answer:
        """The text of every message, and the function calls. Raises `ProtocolError` with the place."""
        value = an_object(parse(response.body))
        refuse_error(value, response)
        return _answer(value, "$")

    def decoder(self, endpoint: Endpoint) -> StreamDecoder:
        """A decoder of named server-sent events."""
        return _Stream()

    def bad_requests(self, endpoint: Endpoint, facts: Facts) -> Mapping[str, Request]:
        """Broken JSON, no input or one of the wrong type, a limit in words, a route that is not there."""
        path = base(endpoint) + "/responses"
        valid = without_none({"model": model(endpoint, facts), "input": PROMPT, "max_output_tokens": MAX_TOKENS})
        return {
            "malformed_json": Request("POST", path, JSON, b'{"input": "Say'),
            "missing_input": post(path, {name: value for name, value in valid.items() if name != "input"}),
            "input_not_a_text": post(path, {**valid, "input": 5}),
            "max_output_tokens_in_words": post(path, {**valid, "max_output_tokens": "sixteen"}),
            "unknown_path": post(base(endpoint) + NOWHERE, valid),
        }


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
    reason = _reason(value, at, bool(calls))
    choice = Choice(0, "".join(texts), reason, tuple(calls))
    return Answer(
        text=choice.text,
        value=value,
        model=text_or_none(value.get("model"), f"{at}.model"),
        finish_reason=reason,
        usage=_usage(value.get("usage"), f"{at}.usage"),
        complete=reason is not None,
        choices=(choice,),
    )


def _reason(value: dict[str, Any], at: str, calls: bool) -> str | None:
    """Why it ended, in chat's words; None where it did not (`in_progress`, `failed`, `cancelled`)."""
    status = text_or_none(value.get("status"), f"{at}.status")
    if status == "completed":
        return "tool_calls" if calls else "stop"
    details = value.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, dict) else None
    return {"max_output_tokens": "length", "content_filter": "content_filter"}.get(str(reason)) if status else None


def _text(value: Any, at: str) -> str:
    parts = [an_object(each, f"{at}[{i}]") for i, each in enumerate(an_array(value, at))]
    return "".join(text_or_none(part.get("text"), f"{at}[{i}].text") or "" for i, part in enumerate(parts))


def _usage(value: Any, at: str) -> Usage | None:
    if value is None:
        return None
    counts = an_object(value, at)
    keys = ("input_tokens", "output_tokens", "total_tokens")
    return Usage(*(None if counts.get(key) is None else whole_number(counts[key], f"{at}.{key}") for key in keys))


ADAPTER = OpenAIResponses()
