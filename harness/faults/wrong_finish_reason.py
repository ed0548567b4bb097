"""wrong_finish_reason: the answer gives another reason for its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from harness.core.fault import Parameter
from harness.core.http_request import HttpParameters
from harness.faults._answer_change import AnswerChange
from harness.faults._http_stage import define_http_fault
from harness.faults._shapes import REASON_FIELDS, find_names, list_objects


@dataclass(frozen=True, slots=True)
class _Parameters(HttpParameters):
    reason: Annotated[str, Parameter("the reason that answers give")] = "content_filter"


class _WrongFinishReason(AnswerChange[_Parameters]):
    media = "text"
    fields = find_names(REASON_FIELDS)

    def change_json(self, value: Any) -> bool:
        """Replace every reason that is given."""
        reason, has_changed = self.parameters.reason, False
        for place in list_objects(value):
            for key in REASON_FIELDS & place.keys():
                if place[key] and place[key] != reason:
                    place[key], has_changed = reason, True
        return has_changed


FAULT = define_http_fault(
    "wrong_finish_reason", "answers give another reason for their end", _Parameters(), _WrongFinishReason
)
