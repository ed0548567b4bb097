"""unfinished_stream: a streamed answer that ends in order, without its last event or without a reason for its end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from harness.core.fault import Parameter
from harness.core.http_request import HttpParameters
from harness.core.stream_events import Event
from harness.faults._answer_change import AnswerChange, Item
from harness.faults._http_stage import define_http_fault
from harness.faults._shapes import REASON_FIELDS, find_names, list_objects


@dataclass(frozen=True, slots=True)
class _Parameters(HttpParameters):
    missing: Annotated[
        Literal["terminator", "finish_reason", "both"], Parameter("`terminator`: `[DONE]`, or an API's last event")
    ] = "terminator"


class _UnfinishedStream(AnswerChange[_Parameters]):
    media = "stream"
    fields = find_names(REASON_FIELDS)

    def rewrite_event(self, index: int, event: Event) -> Iterable[Item]:
        """Drop the last event; every reason becomes null."""
        if self.parameters.missing != "finish_reason" and event.is_terminator():
            self.note_effect(len(event.raw))
            return ()
        if self.parameters.missing == "terminator":
            return (event.raw,)
        return super().rewrite_event(index, event)

    def change_json(self, value: Any) -> bool:
        """Remove every reason."""
        has_changed = False
        for place in list_objects(value):
            for key in REASON_FIELDS & place.keys():
                has_changed |= place[key] is not None
                place[key] = None
        return has_changed


FAULT = define_http_fault(
    "unfinished_stream",
    "a streamed answer ends in order, but without its last event or a reason for its end",
    _Parameters(),
    _UnfinishedStream,
    needs_streaming=True,
)
