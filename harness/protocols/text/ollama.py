"""Ollama's own API over HTTP: chat as newline-delimited JSON, or whole.

Lenient about what versions add; strict about the types of message and counts, an `error` object in a success (which is
how Ollama tells of a failure in mid-stream), and the last line: only `"done": true` makes an answer complete.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.core.adapter import Capabilities, Facts, Recognition, StreamDecoder
from harness.core.endpoint import Endpoint
from harness.core.errors import UsageError
from harness.core.exchange import Answer, Choice, EventKind, Query, Request, Response, StreamEvent, ToolCall
from harness.protocols.shared.chat_parts import parse_usage
from harness.protocols.shared.chat_stream import make_answer, make_model_event
from harness.protocols.shared.event_stream import JSONEventDecoder
from harness.protocols.shared.openai_family import (
    SAMPLE_PROMPT,
    GeneratesText,
    build_messages,
    choose_model,
    drop_none,
    join_names,
    pick_only,
)
from harness.protocols.shared.values import (
    expect_array,
    expect_object,
    expect_text,
    get_member,
    parse_answer,
    parse_names,
)
from harness.protocols.shared.wire import JSON_HEADERS, UNKNOWN_PATH, dump_json, make_get, make_post, read_page

_CHAT = "/api/chat"
_COUNTS = ("prompt_eval_count", "eval_count")
_IN_OPTIONS = {"max_tokens": "num_predict"} | {
    name: name for name in ("temperature", "seed", "stop", "top_p", "top_k", "num_predict", "num_ctx")
}


class Ollama(GeneratesText):
    """The adapter. Sampling parameters go into `options`, under the names that Ollama has for them."""

    name = "ollama"
    title = "Ollama's own chat, streamed as lines or whole"

    can = Capabilities(streaming=True, roles=True, text=True, generates=True, seeds=True, liveness=True)

    def probes(self, endpoint: Endpoint) -> Mapping[str, Request]:
        """The version and the list of models."""
        return {"live": make_get("/api/version"), "models": make_get("/api/tags"), "nowhere": make_get(UNKNOWN_PATH)}

    def recognise(self, endpoint: Endpoint, answers: Mapping[str, Response]) -> Recognition:
        """0.9: `/api/tags` lists models. Below 1, for such a server speaks OpenAI's chat too, as most clients do."""
        found = parse_names(get_member(read_page(answers, "models"), "models"), "name")
        if found is None:
            return Recognition(0.0, "GET /api/tags brought no list of models")
        return Recognition(0.9, f"GET /api/tags answered 200 with a list of models: {join_names(found)}", Facts(found))

    def encode(self, endpoint: Endpoint, query: Query, facts: Facts) -> Request:
        """`inputs` is a prompt or a list of messages; whole unless the query asks for a stream."""
        inner = {_IN_OPTIONS[n]: value for n, value in query.options.items() if n in _IN_OPTIONS and value is not None}
        if isinstance(inner.get("stop"), str):  # a string is answered with 500 here: only a list is taken
            inner["stop"] = [inner["stop"]]
        outer = {n: value for n, value in query.options.items() if n not in _IN_OPTIONS}
        body = {
            "model": choose_model(endpoint, facts),
            "messages": build_messages(query.inputs, self.name),
            "stream": query.stream,
            "options": inner or None,
            **outer,
        }
        if body["model"] is None:
            raise UsageError("ollama needs the name of the model: give --ai-model or [endpoint] model")
        return make_post(_CHAT, drop_none(body), stream=query.stream)

    def decode(self, endpoint: Endpoint, response: Response) -> Answer:
        """The message. Raises `ProtocolError` with the place."""
        value = parse_answer(response)
        text, calls = _message(value, "$")
        return make_answer(
            value, [Choice(0, text, _reason(value, "$"), tuple(calls))], parse_usage(value, "$", _COUNTS)
        )

    def decoder(self, endpoint: Endpoint) -> StreamDecoder:
        """A decoder of newline-delimited JSON."""
        return _Stream(lines=True)

    def bad_requests(self, endpoint: Endpoint, facts: Facts) -> Mapping[str, Request]:
        """Broken JSON, messages of the wrong type, no model, a model that is not there, a route that is not there."""
        valid = {
            "model": choose_model(endpoint, facts) or "none",
            "messages": build_messages(SAMPLE_PROMPT, self.name),
            "stream": False,
        }
        return {
            "malformed_json": Request("POST", _CHAT, JSON_HEADERS, b'{"messages": [{"role": "user", '),
            "messages_not_an_array": make_post(_CHAT, {**valid, "messages": 5}),
            "missing_model": make_post(_CHAT, {name: value for name, value in valid.items() if name != "model"}),
            "unknown_model": make_post(_CHAT, {**valid, "model": "aiharness-no-such-model"}),
            "unknown_path": make_post(UNKNOWN_PATH, valid),
        }

    def identity(self, answers: Mapping[str, Response]) -> tuple[str | None, str | None]:
        """The one listed model; of several none can be told to be the served one. No version is ever stated."""
        return pick_only(parse_names(get_member(read_page(answers, "models"), "models"), "name")), None


class _Stream(JSONEventDecoder):
    def __init__(self, *, lines: bool) -> None:
        super().__init__(lines=lines)
        self._begun = False

    def read(self, name: str, value: dict[str, Any], at: str) -> list[StreamEvent]:
        text, calls = _message(value, at)
        events = []
        if not self._begun:
            self._begun = True
            if stated := expect_text(value.get("model"), f"{at}.model"):
                events.append(make_model_event(stated))
            events.append(StreamEvent(EventKind.ROLE, value="assistant"))
        if text:
            events.append(StreamEvent(EventKind.DELTA, text=text))
        events += [StreamEvent(EventKind.TOOL_CALL, value=(None, each)) for each in calls]
        if value.get("done") is True:
            events.append(StreamEvent(EventKind.FINISH, value=_reason(value, at)))
            events += (
                [StreamEvent(EventKind.USAGE, value=counts)] if (counts := parse_usage(value, at, _COUNTS)) else []
            )
            events.append(StreamEvent(EventKind.DONE))
        return events


def _message(value: Mapping[str, Any], at: str) -> tuple[str, list[ToolCall]]:
    message = expect_object(value.get("message"), f"{at}.message")
    calls = []
    for i, each in enumerate(expect_array(message.get("tool_calls") or [], f"{at}.message.tool_calls")):
        place = f"{at}.message.tool_calls[{i}].function"
        function = expect_object(expect_object(each, place).get("function"), place)
        arguments = dump_json(expect_object(function.get("arguments") or {}, f"{place}.arguments")).decode()
        calls.append(ToolCall(None, expect_text(function.get("name"), f"{place}.name") or "", arguments))
    return expect_text(message.get("content"), f"{at}.message.content") or "", calls


def _reason(value: Mapping[str, Any], at: str) -> str | None:
    """Why it ended; None before the last line."""
    return expect_text(value.get("done_reason"), f"{at}.done_reason") or "stop" if value.get("done") is True else None


ADAPTER = Ollama()
