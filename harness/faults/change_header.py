"""change_header: a header line of the answer has another value, or is missing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from harness.core.fault import Parameter
from harness.core.http1 import MessageHead, MessagePart
from harness.core.http_request import HttpParameters
from harness.faults._answer_change import AnswerChange
from harness.faults._http_stage import define_http_fault

_FRAMING = ("content-length", "transfer-encoding", "connection")
"""Headers without which the answer would end elsewhere."""


@dataclass(frozen=True, slots=True)
class _Parameters(HttpParameters):
    name: Annotated[str, Parameter("the header, not one that says where the answer ends")] = "content-type"
    value: Annotated[str, Parameter("its value; empty: the line is missing")] = ""

    def find_problem(self) -> str:
        """Why the header cannot be changed."""
        if self.name.lower() in _FRAMING:
            return f"attribute name must not be {self.name!r}, which says where the answer ends"
        if not self.name.isascii() or not self.value.isascii() or {"\r", "\n", ":"} & set(self.name + self.value):
            return "attributes name and value must be ASCII, in one line"
        return HttpParameters.find_problem(self)


class _ChangeHeader(AnswerChange[_Parameters]):
    def pass_wire(self, part: MessagePart, raw: bytes) -> Iterable[bytes]:
        """The head without the header, or with its new value."""
        if part is not MessagePart.HEAD:
            return (raw,)
        name, value = self.parameters.name, self.parameters.value
        line = f"{name}: {value}\r\n".encode() if value else b""
        head = MessageHead(raw).replace_headers((name.lower(),), line)
        if head != raw:
            self.note_effect(len(raw))
        return (head,)


FAULT = define_http_fault(
    "change_header",
    "a header line of answers has another value, or is missing",
    _Parameters(value="text/plain"),
    _ChangeHeader,
)
