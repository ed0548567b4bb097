"""reorder_events: an event of a stream comes after the one that follows it."""

from __future__ import annotations

from collections.abc import Iterable

from harness.core.stream_events import Event
from harness.faults._answer_change import AnswerChange, Item
from harness.faults._http_stage import define_http_fault
from harness.faults._shapes import EventParameters


class _ReorderEvents(AnswerChange[EventParameters]):
    media = "stream"
    _waiting = b""

    def rewrite_event(self, index: int, event: Event) -> Iterable[Item]:
        """An event that is struck waits for the next one."""
        if self._waiting:
            self.note_effect(len(self._waiting))
            return (event.raw, *self.finish())
        if not self.parameters.strikes(index):
            return (event.raw,)
        self._waiting, self.kept = event.raw, len(event.raw)
        return ()

    def finish(self) -> Iterable[Item]:
        """The event that waits."""
        waiting, self._waiting, self.kept = self._waiting, b"", 0
        return (waiting,)


FAULT = define_http_fault(
    "reorder_events",
    "an event of a stream comes after the one that follows it",
    EventParameters(events=1),
    _ReorderEvents,
    needs_streaming=True,
)
