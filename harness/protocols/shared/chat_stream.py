"""Answers made of choices: decode streamed chunks into events, events into an answer, and unstreamed bodies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from harness.core.errors import ProtocolError
from harness.core.exchange import Answer, Choice, EventKind, StreamEvent, ToolCall, Usage
from harness.protocols.shared import chat_fast_path
from harness.protocols.shared.chat_parts import (
    find_reasoning,
    make_model_event,
    parse_logprobs,
    parse_tool_calls,
    parse_usage,
    separate_thinking,
)
from harness.protocols.shared.event_stream import JSONEventDecoder
from harness.protocols.shared.sse import SSEDecoder
from harness.protocols.shared.values import (
    accept_array,
    accept_object,
    accept_text,
    expect_array,
    expect_object,
    expect_whole_number,
)

_OTHER_PARTS = ("function_call", "refusal", "audio")
"""Further parts of a delta; they become OTHER events, so that no part of an answer is lost."""

_KINDS_OF_CHOICES = (EventKind.ROLE, EventKind.REASONING, EventKind.DELTA, EventKind.TOOL_CALL, EventKind.FINISH)

_CR = 13  # searching bytes for a number with `in` takes a third of the time of searching for bytes


class ChunkStream(JSONEventDecoder):
    """Decodes streamed chunks of choices; a protocol defines in `read_choice` what a choice contains."""

    def __init__(self) -> None:
        super().__init__()
        self._model: str | None = None

    def read_choice(self, choice: dict[str, Any], at: str, place: int) -> list[StreamEvent]:
        """What the choice at this place of the list contains. Raises `ProtocolError` with the place."""
        raise NotImplementedError

    def read_event(self, name: str, value: dict[str, Any], at: str) -> list[StreamEvent]:
        """The name of the model, once and whenever it changes, the parts of each choice, and the token counts."""
        if "choices" not in value and value.get("usage") is None:
            if name == "message":
                raise ProtocolError("no choices in a chunk", at=at)
            return [StreamEvent(EventKind.OTHER, value=value)]
        events = []
        model = accept_text(value.get("model"), f"{at}.model")
        if model is not None and model != self._model:
            self._model = model
            events.append(make_model_event(model))
        for i, choice in enumerate(accept_array(value.get("choices"), f"{at}.choices")):
            events += self.read_choice(expect_object(choice, f"{at}.choices[{i}]"), f"{at}.choices[{i}]", i)
        if (usage := parse_usage(value.get("usage"), f"{at}.usage")) is not None:
            events.append(StreamEvent(EventKind.USAGE, value=usage))
        return events or [StreamEvent(EventKind.OTHER, value=value)]


class ChatStream(ChunkStream):
    """Decodes one streamed chat answer."""

    def __init__(self) -> None:
        super().__init__()
        self._splitter = self._sse = SSEDecoder()
        self._is_between_events = True

    def feed(self, data: bytes) -> list[StreamEvent]:
        """The events that these bytes complete; those of the common form are decoded fast. Raises `ProtocolError`."""
        self._raise_error()
        events: list[StreamEvent] = []
        *parts, rest = data.split(b"\n\n") if _CR not in data else [data]
        for part in parts:
            if not (self._is_between_events and self._decode_fast(part, events)) and not self._decode_strictly(
                part + b"\n\n", events
            ):
                return events
        if rest:
            self._decode_strictly(rest, events)
        return events

    def _decode_fast(self, part: bytes, events: list[StreamEvent]) -> bool:
        """Append what the event contains, if it is of the common form."""
        first = len(events)
        if not chat_fast_path.read_common_chunk(part, self._model, events):
            return False
        if events[first].kind is EventKind.OTHER:
            self._model = events[first].value["model"]
        if not self._count:
            self._sse.skip_start()
        self._count += 1
        return True

    def _decode_strictly(self, data: bytes, events: list[StreamEvent]) -> bool:
        """Append the events that the bytes complete; False: the stream is broken."""
        try:
            events += self._decode_events(self._sse.feed(data))
        except ProtocolError:
            if not events:
                raise
        self._is_between_events = self._sse.is_between_events
        return self._error is None

    def read_choice(self, choice: dict[str, Any], at: str, place: int) -> list[StreamEvent]:
        """Role, thinking, text, pieces of tool calls, log-probabilities, and the finish reason."""
        index = expect_whole_number(choice.get("index", 0), f"{at}.index")
        delta = accept_object(choice.get("delta"), f"{at}.delta")
        events = []
        if role := accept_text(delta.get("role"), f"{at}.delta.role"):
            events.append(StreamEvent(EventKind.ROLE, value=role, index=index))
        if reasoning := find_reasoning(delta):
            events.append(StreamEvent(EventKind.REASONING, text=reasoning, index=index))
        if text := accept_text(delta.get("content"), f"{at}.delta.content"):
            events.append(StreamEvent(EventKind.DELTA, text=text, index=index))
        for piece in parse_tool_calls(delta.get("tool_calls"), f"{at}.delta.tool_calls"):
            events.append(StreamEvent(EventKind.TOOL_CALL, value=piece, index=index))
        if logprobs := parse_logprobs(choice.get("logprobs"), f"{at}.logprobs"):
            events.append(StreamEvent(EventKind.LOGPROBS, value=logprobs, index=index))
        if other := {name: delta[name] for name in _OTHER_PARTS if delta.get(name)}:
            events.append(StreamEvent(EventKind.OTHER, value=other, index=index))
        # Before the end, some servers send "" as the finish reason.
        if reason := accept_text(choice.get("finish_reason"), f"{at}.finish_reason"):
            events.append(StreamEvent(EventKind.FINISH, value=reason, index=index))
        return events


def assemble_events(events: Sequence[StreamEvent]) -> Answer:
    """The answer that the events of a stream add up to.

    It is complete if every choice has exactly one finish reason and there is no error in the stream.
    """
    by_kind: defaultdict[EventKind, list[StreamEvent]] = defaultdict(list)
    by_choice: defaultdict[int, list[StreamEvent]] = defaultdict(list)
    for event in events:
        by_kind[event.kind].append(event)
        by_choice[event.index].append(event)
    indices = sorted({event.index for kind in _KINDS_OF_CHOICES for event in by_kind[kind]})
    choices = tuple(_join_events(index, by_choice[index]) for index in indices)
    first = choices[0] if choices and choices[0].index == 0 else Choice()
    models = [event.value["model"] for event in by_kind[EventKind.OTHER] if _states_model(event)]
    finished = sorted(event.index for event in by_kind[EventKind.FINISH])
    return Answer(
        text=first.text,
        model=next(reversed(models), None),
        finish_reason=first.finish_reason,
        usage=by_kind[EventKind.USAGE][-1].value if by_kind[EventKind.USAGE] else None,
        complete=bool(indices) and finished == indices and not by_kind[EventKind.ERROR],
        choices=choices,
    )


def _states_model(event: StreamEvent) -> bool:
    return isinstance(event.value, dict) and event.value.keys() == {"model"} and isinstance(event.value["model"], str)


def _join_events(index: int, events: Sequence[StreamEvent]) -> Choice:
    """The choice that its events add up to."""
    texts, thoughts, reasons, pieces, tokens = [], [], [], [], []
    for event in events:
        if event.kind is EventKind.DELTA:
            texts.append(event.text)
        elif event.kind is EventKind.REASONING:
            thoughts.append(event.text)
        elif event.kind is EventKind.FINISH:
            reasons.append(event.value)
        elif event.kind is EventKind.TOOL_CALL:
            pieces.append(event.value)
        elif event.kind is EventKind.LOGPROBS:
            tokens += event.value
    reason, calls = next(iter(reasons), None), _join_calls(pieces)
    return separate_thinking(Choice(index, "".join(texts), reason, calls, tuple(tokens), "".join(thoughts)))


def _join_calls(pieces: Iterable[tuple[int | None, ToolCall]]) -> tuple[ToolCall, ...]:
    """The tool calls in their order. Pieces with one number are one call; without numbers, a new id begins a call."""
    calls: defaultdict[int, list[ToolCall]] = defaultdict(list)
    last = -1
    for number, piece in pieces:
        if number is None:
            begins = last < 0 or (piece.id is not None and all(piece.id != other.id for other in calls[last]))
            number = last + 1 if begins else last
        calls[number].append(piece)
        last = number
    joined = []
    for _, parts in sorted(calls.items()):
        call_id = next((piece.id for piece in parts if piece.id), None)
        name = next((piece.name for piece in parts if piece.name), "")
        joined.append(ToolCall(call_id, name, "".join(piece.arguments for piece in parts)))
    return tuple(joined)


def decode_choices(value: dict[str, Any], read_choice: Callable[[dict[str, Any], str, int], Choice]) -> Answer:
    """The answer in a body that was not streamed; `read_choice` gets each choice, its place and its number."""
    choices = []
    for i, choice in enumerate(expect_array(value.get("choices"), "$.choices")):
        at = f"$.choices[{i}]"
        choices.append(read_choice(expect_object(choice, at), at, i))
    if not choices:
        raise ProtocolError("no choice in the answer", at="$.choices")
    return make_answer(value, choices, parse_usage(value.get("usage"), "$.usage"))


def make_answer(value: dict[str, Any], choices: Sequence[Choice], usage: Usage | None, at: str = "$") -> Answer:
    """The answer with these choices; complete if each of them has its finish reason."""
    choices = [*map(separate_thinking, choices)]
    first = next((choice for choice in choices if choice.index == 0), choices[0])
    return Answer(
        text=first.text,
        value=value,
        model=accept_text(value.get("model"), f"{at}.model"),
        finish_reason=first.finish_reason,
        usage=usage,
        complete=all(choice.finish_reason for choice in choices),
        choices=tuple(choices),
    )
