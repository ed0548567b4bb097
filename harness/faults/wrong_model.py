"""wrong_model: the answer names another model than the one that was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from harness.core.fault import Parameter
from harness.core.http_request import HttpParameters
from harness.faults._answer_change import AnswerChange
from harness.faults._http_stage import define_http_fault

_NAMES = {
    "name": ("model", "model_name", "modelVersion", "model_id"),
    "version": ("model_version", "version", "system_fingerprint"),
}


@dataclass(frozen=True, slots=True)
class _Parameters(HttpParameters):
    model: Annotated[str, Parameter("the name in answers")] = "another-model"
    fields: Annotated[Literal["name", "version"], Parameter("what is replaced")] = "name"


class _WrongModel(AnswerChange[_Parameters]):
    media = "text"

    def change_json(self, value: Any) -> bool:
        """Replace the name where answers have it: at the top, or in the message or response that an event begins."""
        has_changed = False
        inner = [value.get(key) for key in ("message", "response")] if isinstance(value, dict) else []
        for place in (value, *inner):
            for name in _NAMES[self.parameters.fields]:
                if isinstance(place, dict) and isinstance(place.get(name), str):
                    has_changed |= place[name] != self.parameters.model
                    place[name] = self.parameters.model
        return has_changed


FAULT = define_http_fault("wrong_model", "answers name another model", _Parameters(), _WrongModel)
