"""OpenAI chat chunks to events, and the parts that a whole answer shares with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.core.errors import ProtocolError
from harness.core.exchange import Answer, EventKind, StreamEvent, Usage
from harness.core.jsontext import parse
from harness.protocols._sse import ServerEvent, SSEDecoder
from harness.protocols._wire import an_array, an_object, kind_of, text_or_none

_GENERATED = ("reasoning_content", "reasoning", "tool_calls", "function_call", "refusal", "audio")
"""Parts of a delta besides `content`; they come as OTHER, so that no part of an answer vanishes."""


class ChatStream:
    """Decodes one streamed chat answer. What cannot be a chunk raises `ProtocolError` naming the event and the place.

    Events completed before the error are handed out first and the error comes with the next call, so that events and
    error are the same however the bytes were cut.
    """

    def __init__(self) -> None:
        self._sse = SSEDecoder()
        self._seen = 0
        self._model: str | None = None
        self._error: ProtocolError | None = None

    def feed(self, data: bytes) -> list[StreamEvent]:
        """The events completed by these bytes. Raises `ProtocolError`."""
        self.close()
        events: list[StreamEvent] = []
        try:
            for each in self._sse.feed(data):
                self._seen += 1
                events += self._read(each)
        except ProtocolError as error:
            self._error = error
            if not events:
                raise
        return events

    def close(self) -> list[StreamEvent]:
        """Nothing: an event without its blank line is dropped. Raises the error that is still to be told."""
        if self._error is not None:
            raise self._error
        return []

    def _read(self, event: ServerEvent) -> list[StreamEvent]:
        at = f"event {self._seen}"
        if event.data.strip() == "[DONE]":
            return [StreamEvent(EventKind.DONE)]
        if not event.data.strip():
            return [StreamEvent(EventKind.OTHER, value=event.event)]
        try:
            value = parse(event.data.encode())
        except ProtocolError as error:
            raise ProtocolError(str(error), at=at) from None
        chunk = an_object(value, f"{at} $")
        if chunk.get("error") is not None or event.event == "error":
            return [StreamEvent(EventKind.ERROR, value=chunk.get("error", chunk))]
        if "choices" not in chunk and chunk.get("usage") is None:
            if event.event == "message":
                raise ProtocolError("no choices in a chunk", at=f"{at} $")
            return [StreamEvent(EventKind.OTHER, value=chunk)]
        events = self._head(chunk, at)
        choices = [] if chunk.get("choices") is None else an_array(chunk["choices"], f"{at} $.choices")
        for i, choice in enumerate(choices):
            events += _choice(an_object(choice, f"{at} $.choices[{i}]"), f"{at} $.choices[{i}]")
        if (counts := usage(chunk.get("usage"), f"{at} $.usage")) is not None:
            events.append(StreamEvent(EventKind.USAGE, value=counts))
        return events or [StreamEvent(EventKind.OTHER, value=chunk)]

    def _head(self, chunk: dict[str, Any], at: str) -> list[StreamEvent]:
        """The model's name, told once and again when it changes."""
        model = text_or_none(chunk.get("model"), f"{at} $.model")
        if model is None or model == self._model:
            return []
        self._model = model
        return [StreamEvent(EventKind.OTHER, value={"model": model})]


def names_model(event: StreamEvent) -> bool:
    """Whether an event is the one that tells the model's name."""
    return isinstance(event.value, dict) and event.value.keys() == {"model"} and isinstance(event.value["model"], str)


def _choice(choice: dict[str, Any], at: str) -> list[StreamEvent]:
    index = choice.get("index", 0)
    if type(index) is not int or index < 0:
        raise ProtocolError(f"the index is {kind_of(index)}, not a whole number from 0", at=f"{at}.index")
    delta = an_object({} if choice.get("delta") is None else choice["delta"], f"{at}.delta")
    events = []
    if role := text_or_none(delta.get("role"), f"{at}.delta.role"):
        events.append(StreamEvent(EventKind.ROLE, value=role, index=index))
    if text := text_or_none(delta.get("content"), f"{at}.delta.content"):
        events.append(StreamEvent(EventKind.DELTA, text=text, index=index))
    if other := {name: delta[name] for name in _GENERATED if delta.get(name)}:
        events.append(StreamEvent(EventKind.OTHER, value=other, index=index))
    # Some servers say "" for "not yet".
    if reason := text_or_none(choice.get("finish_reason"), f"{at}.finish_reason"):
        events.append(StreamEvent(EventKind.FINISH, value=reason, index=index))
    return events


def whole(value: dict[str, Any], choices: Sequence[dict[str, Any]]) -> Answer:
    """The answer in a body that was not streamed; complete when every choice has its finish reason."""
    if not choices:
        raise ProtocolError("no choice in the answer", at="$.choices")
    texts, reasons = [], []
    for i, choice in enumerate(choices):
        message = an_object(choice.get("message"), f"$.choices[{i}].message")
        texts.append(text_or_none(message.get("content"), f"$.choices[{i}].message.content") or "")
        reasons.append(text_or_none(choice.get("finish_reason"), f"$.choices[{i}].finish_reason") or None)
    first = next((i for i, choice in enumerate(choices) if choice.get("index") == 0), 0)
    return Answer(
        text=texts[first],
        value=value,
        model=text_or_none(value.get("model"), "$.model"),
        finish_reason=reasons[first],
        usage=usage(value.get("usage"), "$.usage"),
        complete=None not in reasons,
    )


def usage(value: Any, at: str) -> Usage | None:
    """Token counts, or None where none are stated. Raises `ProtocolError` for a count that is no whole number."""
    if value is None:
        return None
    counts = an_object(value, at)
    found: dict[str, int | None] = {}
    for name in ("prompt_tokens", "completion_tokens"):
        count = counts.get(name)
        if count is not None and (type(count) is not int or count < 0):
            raise ProtocolError(f"{kind_of(count)} where a whole number from 0 was expected", at=f"{at}.{name}")
        found[name] = count
    return Usage(found["prompt_tokens"], found["completion_tokens"])
