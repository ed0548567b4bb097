"""corrupt_event: an event of a stream arrives damaged."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from harness.core.fault import Parameter
from harness.core.stream_events import Event
from harness.faults._answer_change import AnswerChange, Item
from harness.faults._http_stage import define_http_fault
from harness.faults._shapes import EventParameters, list_text_places

_LONG_CHARACTER = re.compile(rb"[\xc2-\xf4][\x80-\xbf]+")


@dataclass(frozen=True, slots=True)
class _Parameters(EventParameters):
    form: Annotated[
        Literal["text", "json", "utf8", "prefix"],
        Parameter(
            "`text`: other letters, valid; `json`: its first half; `utf8`: a character is cut; `prefix`: no `data:`"
        ),
    ] = "json"


class _CorruptEvent(AnswerChange[_Parameters]):
    media = "stream"

    def rewrite_event(self, index: int, event: Event) -> Iterable[Item]:
        """The event in its wrong form."""
        if not self.parameters.strikes(index) or event.data is None:
            return (event.raw,)
        form = self.parameters.form
        if form == "text":
            return super().rewrite_event(index, event)
        if form == "prefix":
            broken = event.data + b"\n\n"
        elif form == "utf8":
            broken = event.replace_data(_cut_character(event.data))
        else:
            broken = event.replace_data(event.data[: len(event.data) // 2])
        self.note_effect(len(event.raw))
        return (broken,)

    def change_json(self, value: Any) -> bool:
        """Other letters in every text."""
        places = list_text_places(value)
        for place, key in places:
            place[key] = re.sub(r"\w", "#", place[key])
        return bool(places)


def _cut_character(data: bytes) -> bytes:
    """The data without the last byte of its first long character; without one, the first byte of one at its end."""
    if match := _LONG_CHARACTER.search(data):
        return data[: match.end() - 1] + data[match.end() :]
    place = data.rfind(b'"')
    return data[:place] + b"\xc3" + data[place:]


FAULT = define_http_fault(
    "corrupt_event",
    "an event of a stream arrives damaged: broken JSON, a cut character, no prefix, other letters",
    _Parameters(events=1),
    _CorruptEvent,
    needs_streaming=True,
)
