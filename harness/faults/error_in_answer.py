"""error_in_answer: an error inside of an answer that says 200, in place of its body or after some events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from harness.core.fault import Parameter
from harness.core.http_request import HttpParameters
from harness.core.stream_events import Event
from harness.faults._answer_change import AnswerChange, Item, encode_json
from harness.faults._http_stage import define_http_fault


@dataclass(frozen=True, slots=True)
class _Parameters(HttpParameters):
    events: Annotated[int, Parameter("events of a stream that pass before the error", high=1_000_000)] = 0
    text: Annotated[str, Parameter("the message of the error")] = "injected error"

    def encode_error(self) -> bytes:
        """The error as JSON."""
        return encode_json({"error": {"message": self.text, "type": "internal_server_error", "code": 500}})


class _ErrorInAnswer(AnswerChange[_Parameters]):
    media = "text"

    def rewrite_body(self, body: bytes) -> bytes:
        """The error alone."""
        self.note_effect(len(body))
        return self.parameters.encode_error()

    def rewrite_event(self, index: int, event: Event) -> Iterable[Item]:
        """The error in place of an event; of those behind it only the last one passes, as from servers."""
        if index < self.parameters.events or event.is_terminator():
            return (event.raw,)
        if index > self.parameters.events:
            return ()
        self.note_effect(len(event.raw))
        return (event.replace_data(self.parameters.encode_error()),)


FAULT = define_http_fault(
    "error_in_answer", "an error inside of an answer with status 200", _Parameters(), _ErrorInAnswer
)
