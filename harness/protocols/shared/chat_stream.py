"""OpenAI chat chunks to events, and the parts that a whole answer shares with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from harness.core.errors import ProtocolError
from harness.core.exchange import Answer, Choice, EventKind, StreamEvent, ToolCall, Usage
from harness.protocols.shared import chat_fast_path
from harness.protocols.shared.chat_parts import parse_logprobs, parse_tool_calls, parse_usage
from harness.protocols.shared.event_stream import JSONEventDecoder
from harness.protocols.shared.sse import SSEDecoder
from harness.protocols.shared.values import expect_array, expect_object, expect_text, expect_whole_number

_GENERATED = ("reasoning_content", "reasoning", "function_call", "refusal", "audio")
"""Further parts of a delta; they come as OTHER, so that no part of an answer vanishes."""

_OF_CHOICE = (EventKind.ROLE, EventKind.DELTA, EventKind.TOOL_CALL, EventKind.FINISH)


_CR = 13  # a number: `in` looks for one three times as fast as for bytes


class ChunkStream(JSONEventDecoder):
    """Decodes streamed chunks of choices; a protocol says in `choice` what one of them brings."""

    def __init__(self) -> None:
        super().__init__()
        self._model: str | None = None

    def choice(self, choice: dict[str, Any], at: str, place: int) -> list[StreamEvent]:
        """What a choice in its place of the list brings. Raises `ProtocolError` with the place."""
        raise NotImplementedError

    def read(self, name: str, value: dict[str, Any], at: str) -> list[StreamEvent]:
        """The model's name, told once and again when it changes; the parts of each choice; the counts."""
        if "choices" not in value and value.get("usage") is None:
            if name == "message":
                raise ProtocolError("no choices in a chunk", at=at)
            return [StreamEvent(EventKind.OTHER, value=value)]
        events = []
        model = expect_text(value.get("model"), f"{at}.model")
        if model is not None and model != self._model:
            self._model = model
            events.append(make_model_event(model))
        choices = [] if value.get("choices") is None else expect_array(value["choices"], f"{at}.choices")
        for i, choice in enumerate(choices):
            events += self.choice(expect_object(choice, f"{at}.choices[{i}]"), f"{at}.choices[{i}]", i)
        if (counts := parse_usage(value.get("usage"), f"{at}.usage")) is not None:
            events.append(StreamEvent(EventKind.USAGE, value=counts))
        return events or [StreamEvent(EventKind.OTHER, value=value)]


class ChatStream(ChunkStream):
    """Decodes one streamed chat answer."""

    def __init__(self) -> None:
        super().__init__()
        self._splitter = self._sse = SSEDecoder()
        self._between = False  # whether the next byte begins an event

    def feed(self, data: bytes) -> list[StreamEvent]:
        """The events completed by these bytes, those of the common form read quickly. Raises `ProtocolError`."""
        self._tell()
        events: list[StreamEvent] = []
        *whole, rest = data.split(b"\n\n") if _CR not in data else [data]
        for part in whole:
            if self._between and chat_fast_path.read_common_chunk(part, self._model, events):
                self._seen += 1
            elif not self._strictly(part + b"\n\n", events):
                return events
        if rest:
            self._strictly(rest, events)
        return events

    def _strictly(self, data: bytes, events: list[StreamEvent]) -> bool:
        """Add what the bytes complete; False: the stream is broken."""
        try:
            events += self._take(self._sse.feed(data))
        except ProtocolError:
            if not events:
                raise
        self._between = self._sse.between
        return self._error is None

    def choice(self, choice: dict[str, Any], at: str, place: int) -> list[StreamEvent]:
        """Role, text, pieces of calls, log-probabilities, and the finish reason."""
        index = expect_whole_number(choice.get("index", 0), f"{at}.index")
        delta = expect_object({} if choice.get("delta") is None else choice["delta"], f"{at}.delta")
        events = []
        if role := expect_text(delta.get("role"), f"{at}.delta.role"):
            events.append(StreamEvent(EventKind.ROLE, value=role, index=index))
        if text := expect_text(delta.get("content"), f"{at}.delta.content"):
            events.append(StreamEvent(EventKind.DELTA, text=text, index=index))
        pieces = parse_tool_calls(delta.get("tool_calls"), f"{at}.delta.tool_calls")
        events += [StreamEvent(EventKind.TOOL_CALL, value=piece, index=index) for piece in pieces]
        if found := parse_logprobs(choice.get("logprobs"), f"{at}.logprobs"):
            events.append(StreamEvent(EventKind.LOGPROBS, value=found, index=index))
        if other := {name: delta[name] for name in _GENERATED if delta.get(name)}:
            events.append(StreamEvent(EventKind.OTHER, value=other, index=index))
        # Some servers say "" for "not yet".
        if reason := expect_text(choice.get("finish_reason"), f"{at}.finish_reason"):
            events.append(StreamEvent(EventKind.FINISH, value=reason, index=index))
        return events


def make_model_event(model: str) -> StreamEvent:
    """The event that tells the model's name."""
    return StreamEvent(EventKind.OTHER, value={"model": model})


def assemble_events(events: Sequence[StreamEvent]) -> Answer:
    """The answer that a stream's events add up to.

    Complete when every choice seen has exactly one finish reason and no error stands in the stream.
    """
    of_choice: defaultdict[int, list[StreamEvent]] = defaultdict(list)
    for each in events:
        of_choice[each.index].append(each)
    seen = sorted({each.index for each in events if each.kind in _OF_CHOICE})
    choices = tuple(_joined(index, of_choice[index]) for index in seen)
    first = choices[0] if choices and choices[0].index == 0 else Choice()
    usages = [each.value for each in events if each.kind is EventKind.USAGE]
    models = [each.value["model"] for each in events if each.kind is EventKind.OTHER and _names_model(each)]
    ended = sorted(each.index for each in events if each.kind is EventKind.FINISH)
    return Answer(
        text=first.text,
        model=models[-1] if models else None,
        finish_reason=first.finish_reason,
        usage=usages[-1] if usages else None,
        complete=bool(seen) and ended == seen and all(each.kind is not EventKind.ERROR for each in events),
        choices=choices,
    )


def _names_model(event: StreamEvent) -> bool:
    """Whether an event is the one that tells the model's name."""
    return isinstance(event.value, dict) and event.value.keys() == {"model"} and isinstance(event.value["model"], str)


def _joined(index: int, events: Sequence[StreamEvent]) -> Choice:
    return Choice(
        index,
        "".join(each.text for each in events if each.kind is EventKind.DELTA),
        next((each.value for each in events if each.kind is EventKind.FINISH), None),
        _calls(each.value for each in events if each.kind is EventKind.TOOL_CALL),
        tuple(token for each in events if each.kind is EventKind.LOGPROBS for token in each.value),
    )


def _calls(pieces: Iterable[tuple[int | None, ToolCall]]) -> tuple[ToolCall, ...]:
    """The calls in their order: pieces of one number are one call, and where none is stated a new id begins one."""
    parts: defaultdict[int, list[ToolCall]] = defaultdict(list)
    last = -1
    for number, piece in pieces:
        if number is None:
            begins = last < 0 or (piece.id is not None and all(piece.id != each.id for each in parts[last]))
            number = last + 1 if begins else last
        parts[number].append(piece)
        last = number
    return tuple(
        ToolCall(
            next((each.id for each in found if each.id), None),
            next((each.name for each in found if each.name), ""),
            "".join(each.arguments for each in found),
        )
        for _, found in sorted(parts.items())
    )


def decode_choices(value: dict[str, Any], read: Callable[[dict[str, Any], str, int], Choice]) -> Answer:
    """The answer in a body that was not streamed, its choices read by value, place in the body and number."""
    listed = expect_array(value.get("choices"), "$.choices")
    places = [f"$.choices[{number}]" for number in range(len(listed))]
    found = [read(expect_object(each, places[i]), places[i], i) for i, each in enumerate(listed)]
    if not found:
        raise ProtocolError("no choice in the answer", at="$.choices")
    return make_answer(value, found, parse_usage(value.get("usage"), "$.usage"))


def make_answer(value: dict[str, Any], choices: Sequence[Choice], counts: Usage | None, at: str = "$") -> Answer:
    """The answer of these choices; complete when every one has its finish reason."""
    first = next((each for each in choices if each.index == 0), choices[0])
    return Answer(
        text=first.text,
        value=value,
        model=expect_text(value.get("model"), f"{at}.model"),
        finish_reason=first.finish_reason,
        usage=counts,
        complete=all(each.finish_reason for each in choices),
        choices=tuple(choices),
    )
