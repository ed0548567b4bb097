"""accept_refused: a refusal (4xx) becomes a success, as of a service that takes whatever it is sent."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from harness.core.fault import Parameter
from harness.core.http_request import HttpParameters
from harness.faults._answer_change import AnswerChange, write_answer
from harness.faults._http_stage import define_http_fault

_REFUSALS = range(HTTPStatus.BAD_REQUEST, HTTPStatus.INTERNAL_SERVER_ERROR)


@dataclass(frozen=True, slots=True)
class _Parameters(HttpParameters):
    text: Annotated[str, Parameter("the body; empty: the last success at any path, or `{}`")] = ""
    times: Annotated[int, Parameter("how often it is sent, as of a request that hides others", low=1, high=10)] = 1
    most: Annotated[int, Parameter("requests that are struck at most; 0: all", high=1_000_000)] = 0


class _AcceptRefused(AnswerChange[_Parameters]):
    remembers = True

    def replace_answer(self) -> bytes | None:
        """A success in place of a refusal."""
        if self.struck.status not in _REFUSALS:
            return None
        memory = self.struck.memory
        memory["struck"] = memory.get("struck", 0) + 1
        if 0 < self.parameters.most < memory["struck"]:
            return None
        success: bytes | None = memory.get("success")
        if self.parameters.text or success is None:
            success = write_answer(self.struck, HTTPStatus.OK, (self.parameters.text or "{}").encode())
        return success * self.parameters.times

    def remember(self, answer: bytes) -> None:
        """Keep the last success to a request with a body."""
        if self.struck.status == HTTPStatus.OK and self.struck.request.method == "POST":
            self.struck.memory["success"] = answer


FAULT = define_http_fault(
    "accept_refused", "a refusal (a status of 4xx) becomes a success", _Parameters(), _AcceptRefused
)
