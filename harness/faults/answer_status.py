"""answer_status: an error status with a body, and Retry-After, in place of the answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Annotated, Any, Literal

from harness.core.fault import Parameter
from harness.core.http_request import HttpParameters, HttpRequest
from harness.faults._answer_change import AnswerChange, StruckRequest, encode_json, write_answer
from harness.faults._http_stage import define_http_fault

_MOST_TRACES = 10_000
_TYPES = {429: "rate_limit_error", 500: "internal_server_error", 503: "service_unavailable", 529: "overloaded_error"}


@dataclass(frozen=True, slots=True)
class _Parameters(HttpParameters):
    status: Annotated[int, Parameter("the status", low=400, high=599)] = 503
    retry_after: Annotated[int, Parameter("Retry-After; 0: without it", unit="s", high=86400)] = 0
    form: Annotated[
        Literal["seconds", "date", "ms"], Parameter("form of Retry-After; `ms`: the header `retry-after-ms`")
    ] = "seconds"
    text: Annotated[str, Parameter("the body; empty: an error in JSON, as APIs of models send it")] = ""


class _AnswerStatus(AnswerChange[_Parameters]):
    """Knows each attempt at one request by its trace, and counts those that come before the stated time."""

    rewrites = False

    @classmethod
    def meet(cls, request: HttpRequest, memory: dict[Any, Any]) -> None:
        """Note until when the sender of a request was to wait."""
        if memory:
            request.waits_until = memory.get(request.trace, 0.0)

    def __init__(self, struck: StruckRequest[_Parameters]) -> None:
        super().__init__(struck)
        if struck.now < struck.request.waits_until:
            struck.record_wait(True)

    def replace_answer(self) -> bytes:
        """An answer with the status; its body is the given text, or an error in JSON."""
        trace, memory = self.struck.request.trace, self.struck.memory
        if self.parameters.retry_after and trace:
            if len(memory) >= _MOST_TRACES:
                memory.clear()
            memory[trace] = self.struck.now + self.parameters.retry_after
            self.struck.record_wait(False)
        status, text = self.parameters.status, self.parameters.text.encode()
        kind = _TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
        error = {"message": f"injected status {status}", "type": kind, "code": status}
        body = text or encode_json({"error": error})
        return write_answer(self.struck, status, body, self._list_headers(), "text/plain" if text else "")

    def _list_headers(self) -> list[tuple[str, str]]:
        seconds, form = self.parameters.retry_after, self.parameters.form
        if not seconds:
            return []
        if form == "ms":
            return [("retry-after-ms", str(1000 * seconds))]
        date = self.struck.head.read_header("date")
        if form == "date" and date:
            try:
                until = parsedate_to_datetime(date) + timedelta(seconds=seconds)
                return [("retry-after", format_datetime(until, usegmt=True))]
            except ValueError:  # a date that is none: seconds then
                pass
        return [("retry-after", str(seconds))]


FAULT = define_http_fault(
    "answer_status",
    "an error status with a body and Retry-After in place of the answer, as 429, 500, 503 or 529",
    _Parameters(status=429, retry_after=1),
    _AnswerStatus,
)
