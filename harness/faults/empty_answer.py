"""empty_answer: a success without the text that was generated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from harness.core.fault import Parameter
from harness.core.http_request import HttpParameters
from harness.faults._answer_change import AnswerChange
from harness.faults._http_stage import define_http_fault
from harness.faults._shapes import list_text_places


@dataclass(frozen=True, slots=True)
class _Parameters(HttpParameters):
    form: Annotated[Literal["empty", "null"], Parameter("what is in place of each text")] = "empty"


class _EmptyAnswer(AnswerChange[_Parameters]):
    media = "text"

    def change_json(self, value: Any) -> bool:
        """Empty every text."""
        places = list_text_places(value)
        for place, key in places:
            place[key] = "" if self.parameters.form == "empty" else None
        return bool(places)


FAULT = define_http_fault("empty_answer", "a success without the text that was generated", _Parameters(), _EmptyAnswer)
