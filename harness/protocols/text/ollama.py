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
from harness.protocols.shared.chat_parts import usage
from harness.protocols.shared.chat_stream import made, named
from harness.protocols.shared.event_stream import JSONEvents
from harness.protocols.shared.openai_family import PROMPT, Generating, messages, model, names, sole, without_none
from harness.protocols.shared.values import an_array, an_object, answered, member, names_in, text_or_none
from harness.protocols.shared.wire import JSON, NOWHERE, dumps, get, page, post

_CHAT = "/api/chat"
_COUNTS = ("prompt_eval_count", "eval_count")
_IN_OPTIONS = {"max_tokens": "num_predict"} | {
    name: name for name in ("temperature", "seed", "stop", "top_p", "top_k", "num_predict", "num_ctx")
}


class Ollama(Generating):
    """The adapter. Sampling parameters go into `options`, under the names that Ollama has for them."""

    name = "ollama"
    title = "Ollama's own chat, streamed as lines or whole"

    can = Capabilities(streaming=True, roles=True, text=True, generates=True, seeds=True, liveness=True)

    def probes(self, endpoint: Endpoint) -> Mapping[str, Request]:
        """The version and the list of models."""
        return {"live": get("/api/version"), "models": get("/api/tags"), "nowhere": get(NOWHERE)}

    def recognise(self, endpoint: Endpoint, answers: Mapping[str, Response]) -> Recognition:
        """0.9: `/api/tags` lists models. Below 1, for such a server speaks OpenAI's chat too, as most clients do."""
        found = names_in(member(page(answers, "models"), "models"), "name")
        if found is None:
            return Recognition(0.0, "GET /api/tags brought no list of models")
        return Recognition(0.9, f"GET /api/tags answered 200 with a list of models: {names(found)}", Facts(found))

    def encode(self, endpoint: Endpoint, query: Query, facts: Facts) -> Request:
        """`inputs` is a prompt or a list of messages; whole unless the query asks for a stream."""
        inner = {_IN_OPTIONS[n]: value for n, value in query.options.items() if n in _IN_OPTIONS and value is not None}
        if isinstance(inner.get("stop"), str):  # a string is answered with 500 here: only a list is taken
            inner["stop"] = [inner["stop"]]
        outer = {n: value for n, value in query.options.items() if n not in _IN_OPTIONS}
        body = {
            "model": model(endpoint, facts),
            "messages": messages(query.inputs, self.name),
            "stream": query.stream,
            "options": inner or None,
            **outer,
        }
        if body["model"] is None:
            raise UsageError("ollama needs the name of the model: give --ai-model or [endpoint] model")
        return post(_CHAT, without_none(body), stream=query.stream)

    def decode(self, endpoint: Endpoint, response: Response) -> Answer:
        """The message. Raises `ProtocolError` with the place."""
        value = answered(response)
        text, calls = _message(value, "$")
        return made(value, [Choice(0, text, _reason(value, "$"), tuple(calls))], usage(value, "$", _COUNTS))

    def decoder(self, endpoint: Endpoint) -> StreamDecoder:
        """A decoder of newline-delimited JSON."""
        return _Stream(lines=True)

    def bad_requests(self, endpoint: Endpoint, facts: Facts) -> Mapping[str, Request]:
        """Broken JSON, messages of the wrong type, no model, a model that is not there, a route that is not there."""
        valid = {"model": model(endpoint, facts) or "none", "messages": messages(PROMPT, self.name), "stream": False}
        return {
            "malformed_json": Request("POST", _CHAT, JSON, b'{"messages": [{"role": "user", '),
            "messages_not_an_array": post(_CHAT, {**valid, "messages": 5}),
            "missing_model": post(_CHAT, {name: value for name, value in valid.items() if name != "model"}),
            "unknown_model": post(_CHAT, {**valid, "model": "aiharness-no-such-model"}),
            "unknown_path": post(NOWHERE, valid),
        }

    def identity(self, answers: Mapping[str, Response]) -> tuple[str | None, str | None]:
        """The one listed model; of several none can be told to be the served one. No version is ever stated."""
        return sole(names_in(member(page(answers, "models"), "models"), "name")), None


class _Stream(JSONEvents):
    def __init__(self, *, lines: bool) -> None:
        super().__init__(lines=lines)
        self._begun = False

    def read(self, name: str, value: dict[str, Any], at: str) -> list[StreamEvent]:
        text, calls = _message(value, at)
        events = []
        if not self._begun:
            self._begun = True
            if stated := text_or_none(value.get("model"), f"{at}.model"):
                events.append(named(stated))
            events.append(StreamEvent(EventKind.ROLE, value="assistant"))
        if text:
            events.append(StreamEvent(EventKind.DELTA, text=text))
        events += [StreamEvent(EventKind.TOOL_CALL, value=(None, each)) for each in calls]
        if value.get("done") is True:
            events.append(StreamEvent(EventKind.FINISH, value=_reason(value, at)))
            events += [StreamEvent(EventKind.USAGE, value=counts)] if (counts := usage(value, at, _COUNTS)) else []
            events.append(StreamEvent(EventKind.DONE))
        return events


def _message(value: Mapping[str, Any], at: str) -> tuple[str, list[ToolCall]]:
    message = an_object(value.get("message"), f"{at}.message")
    calls = []
    for i, each in enumerate(an_array(message.get("tool_calls") or [], f"{at}.message.tool_calls")):
        place = f"{at}.message.tool_calls[{i}].function"
        function = an_object(an_object(each, place).get("function"), place)
        arguments = dumps(an_object(function.get("arguments") or {}, f"{place}.arguments")).decode()
        calls.append(ToolCall(None, text_or_none(function.get("name"), f"{place}.name") or "", arguments))
    return text_or_none(message.get("content"), f"{at}.message.content") or "", calls


def _reason(value: Mapping[str, Any], at: str) -> str | None:
    """Why it ended; None before the last line."""
    return text_or_none(value.get("done_reason"), f"{at}.done_reason") or "stop" if value.get("done") is True else None


ADAPTER = Ollama()
