"""interleave_streams: events of another answer between the events of a stream."""

from __future__ import annotations

from collections.abc import Iterable

from harness.core.http1 import MessageHead, MessagePart, MessageScanner
from harness.core.stream_events import Event, EventSplitter
from harness.faults._answer_change import AnswerChange, Item, StruckRequest
from harness.faults._http_stage import define_http_fault
from harness.faults._shapes import EventParameters

_MOST_STREAMS = 2


class _InterleaveStreams(AnswerChange[EventParameters]):
    media = "stream"
    needs_request_body = True
    remembers = True

    def __init__(self, struck: StruckRequest[EventParameters]) -> None:
        super().__init__(struck)
        others = [events for body, events in struck.memory.items() if body != struck.request.read_body()]
        self._others: list[bytes] = list(others[-1]) if others else []

    def rewrite_event(self, index: int, event: Event) -> Iterable[Item]:
        """The event, and one of the other answer before it."""
        if not (self._others and self.parameters.strikes(index)):
            return (event.raw,)
        self.note_effect(len(self._others[0]))
        return (self._others.pop(0), event.raw)

    def remember(self, answer: bytes) -> None:
        """Keep the events but the last one."""
        if self.struck.head.has_header("content-encoding"):
            return
        parts = MessageScanner(MessageHead.find_framing).scan(answer)
        body = b"".join(raw for part, raw in parts if part is MessagePart.DATA)
        events = EventSplitter("json" in self.media_type).split(body)
        memory = self.struck.memory
        memory[self.struck.request.read_body()] = [event.raw for event in events if not event.is_terminator()]
        while len(memory) > _MOST_STREAMS:
            del memory[next(iter(memory))]


FAULT = define_http_fault(
    "interleave_streams",
    "events of the last different answer come between the events of a stream",
    EventParameters(events=2, every=1),
    _InterleaveStreams,
    needs_streaming=True,
)
