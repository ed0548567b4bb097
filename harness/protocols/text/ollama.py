"""Ollama's own API over HTTP: chat as newline-delimited JSON, or as one JSON object.

Members that newer versions add are accepted. The types of messages and counts must be right; an `error` object in a
successful answer is an error (this is how Ollama reports a failure in the middle of a stream); and only a last line
with `"done": true` makes an answer complete.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.core.adapter import Capabilities, Facts, Recognition, StreamDecoder
from harness.core.endpoint import Endpoint
from harness.core.errors import NotAnnounced
from harness.core.exchange import Answer, Choice, EventKind, Query, Request, Response, StreamEvent, ToolCall
from harness.core.generation_options import LIMIT_OPTIONS
from harness.protocols.shared import openai_family, values, wire
from harness.protocols.shared.chat_parts import find_reasoning, make_model_event, parse_usage
from harness.protocols.shared.chat_stream import make_answer
from harness.protocols.shared.event_stream import JSONEventDecoder

_CHAT = "/api/chat"
_COUNTS = ("prompt_eval_count", "eval_count")
_OPTION_NAMES = dict.fromkeys(LIMIT_OPTIONS, "num_predict") | {
    name: name for name in ("temperature", "seed", "stop", "top_p", "top_k", "num_ctx")
}


class Ollama(openai_family.GeneratesText):
    """The adapter. Sampling parameters are sent in `options`, under Ollama's names."""

    name = "ollama"
    title = "Ollama's own chat, streamed as lines or not"

    offers = Capabilities(
        streaming=True, roles=True, text=True, messages=True, generates=True, seeds=True, liveness=True
    )

    def probes(self, endpoint: Endpoint) -> Mapping[str, Request]:
        """The version and the list of models."""
        paths = {"live": "/api/version", "models": "/api/tags", "nowhere": wire.UNKNOWN_PATH}
        return {role: wire.make_get(path) for role, path in paths.items()}

    def recognise(self, endpoint: Endpoint, answers: Mapping[str, Response]) -> Recognition:
        """0.9: `/api/tags` lists models. Not 1, because Ollama also speaks OpenAI's chat, as most clients do."""
        names = _parse_tags(answers)
        if names is None:
            return Recognition(0.0, "GET /api/tags did not answer with a list of models")
        listing = openai_family.join_names(names)
        return Recognition(0.9, f"GET /api/tags answered 200 with a list of models: {listing}", Facts(names))

    def encode(self, endpoint: Endpoint, query: Query, facts: Facts) -> Request:
        """`inputs` is a prompt or a list of messages."""
        options, others = {}, {}
        for name, value in query.options.items():
            if name not in _OPTION_NAMES:
                others[name] = value
            elif value is not None:
                options[_OPTION_NAMES[name]] = value
        if isinstance(options.get("stop"), str):  # Ollama answers a string with 500: it accepts only a list
            options["stop"] = [options["stop"]]
        body = {
            "model": openai_family.choose_model(endpoint, facts),
            "messages": openai_family.build_messages(query.inputs, self.name),
            "stream": query.stream,
            "options": options or None,
            **others,
        }
        if body["model"] is None:
            raise NotAnnounced("ollama needs the name of the model: give --ai-model or [endpoint] model")
        return wire.make_post(_CHAT, openai_family.drop_none(body), stream=query.stream)

    def decode(self, endpoint: Endpoint, response: Response) -> Answer:
        """The message. Raises `ProtocolError` with the place."""
        value = values.parse_answer(response)
        text, calls = _parse_message(value, "$")
        thinking = find_reasoning(value["message"])
        choice = Choice(0, text, _parse_reason(value, "$"), tuple(calls), reasoning=thinking)
        return make_answer(value, [choice], parse_usage(value, "$", _COUNTS))

    def decoder(self, endpoint: Endpoint) -> StreamDecoder:
        """A decoder of newline-delimited JSON."""
        return _Stream(lines=True)

    def bad_requests(self, endpoint: Endpoint, facts: Facts) -> Mapping[str, Request]:
        """Invalid JSON, messages of the wrong type, no model, an unknown model, an unknown path."""
        messages = openai_family.build_messages(openai_family.SAMPLE_PROMPT, self.name)
        valid = {"model": openai_family.choose_model(endpoint, facts) or "none", "messages": messages, "stream": False}
        return {
            "malformed_json": Request("POST", _CHAT, wire.JSON_HEADERS, b'{"messages": [{"role": "user", '),
            "messages_not_an_array": wire.make_post(_CHAT, {**valid, "messages": 5}),
            "missing_model": wire.make_post(_CHAT, {"messages": messages, "stream": False}),
            "unknown_model": wire.make_post(_CHAT, {**valid, "model": "aiharness-no-such-model"}),
            "unknown_path": wire.make_post(wire.UNKNOWN_PATH, valid),
        }

    def identity(self, answers: Mapping[str, Response]) -> tuple[str | None, str | None]:
        """The only listed model: of several it is not known which one is served. A version is never stated."""
        return values.pick_only(_parse_tags(answers)), None


class _Stream(JSONEventDecoder):
    def __init__(self, *, lines: bool) -> None:
        super().__init__(lines=lines)
        self._has_begun = False

    def read_event(self, name: str, value: dict[str, Any], at: str) -> list[StreamEvent]:
        text, calls = _parse_message(value, at)
        events = []
        if not self._has_begun:
            self._has_begun = True
            if model := values.accept_text(value.get("model"), f"{at}.model"):
                events.append(make_model_event(model))
            events.append(StreamEvent(EventKind.ROLE, value="assistant"))
        if thinking := find_reasoning(value["message"]):
            events.append(StreamEvent(EventKind.REASONING, text=thinking))
        if text:
            events.append(StreamEvent(EventKind.DELTA, text=text))
        events += [StreamEvent(EventKind.TOOL_CALL, value=(None, call)) for call in calls]
        if value.get("done") is True:
            events.append(StreamEvent(EventKind.FINISH, value=_parse_reason(value, at)))
            if usage := parse_usage(value, at, _COUNTS):
                events.append(StreamEvent(EventKind.USAGE, value=usage))
            events.append(StreamEvent(EventKind.DONE))
        return events


def _parse_tags(answers: Mapping[str, Response]) -> tuple[str, ...] | None:
    """The names of the listed models, or None without a list."""
    return values.parse_names(values.get_member(wire.read_page(answers, "models"), "models"), "name")


def _parse_message(value: Mapping[str, Any], at: str) -> tuple[str, list[ToolCall]]:
    message = values.expect_object(value.get("message"), f"{at}.message")
    calls = []
    for i, call in enumerate(values.expect_array(message.get("tool_calls") or [], f"{at}.message.tool_calls")):
        place = f"{at}.message.tool_calls[{i}].function"
        function = values.expect_object(values.expect_object(call, place).get("function"), place)
        arguments = wire.dump_json(values.expect_object(function.get("arguments") or {}, f"{place}.arguments")).decode()
        calls.append(ToolCall(None, values.accept_text(function.get("name"), f"{place}.name") or "", arguments))
    return values.accept_text(message.get("content"), f"{at}.message.content") or "", calls


def _parse_reason(value: Mapping[str, Any], at: str) -> str | None:
    """The finish reason; None before the last line."""
    if value.get("done") is not True:
        return None
    return values.accept_text(value.get("done_reason"), f"{at}.done_reason") or "stop"


ADAPTER = Ollama()
