"""wrong_token_counts: the counts of tokens in an answer are not those of the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from harness.core.fault import Parameter
from harness.core.http_request import HttpParameters
from harness.faults._answer_change import AnswerChange
from harness.faults._http_stage import define_http_fault
from harness.faults._shapes import COUNT_FIELDS, find_names, list_objects


@dataclass(frozen=True, slots=True)
class _Parameters(HttpParameters):
    percent: Annotated[int, Parameter("what answers state of the true counts", unit="%", high=1_000_000)] = 1000
    name: Annotated[str, Parameter("only counts whose name begins with this, as `cached`")] = ""

    @property
    def is_idle(self) -> bool:
        """The true counts."""
        return self.percent == 100


class _WrongTokenCounts(AnswerChange[_Parameters]):
    media = "text"
    fields = find_names(("_tokens", "eval_count", "TokenCount"))

    def change_json(self, value: Any) -> bool:
        """Replace every count of tokens."""
        has_changed = False
        for place in list_objects(value):
            for key, count in place.items():
                if type(count) is int and COUNT_FIELDS.fullmatch(key) and key.startswith(self.parameters.name):
                    place[key] = count * self.parameters.percent // 100
                    has_changed |= place[key] != count
        return has_changed


FAULT = define_http_fault(
    "wrong_token_counts", "the counts of tokens in answers are wrong", _Parameters(), _WrongTokenCounts
)
