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
    also: Annotated[str, Parameter("a further line that comes with it, `NAME: VALUE`")] = ""

    def find_problem(self) -> str:
        """Why the header cannot be changed."""
        for name in (self.name, self.also.partition(":")[0].strip()):
            if name.lower() in _FRAMING:
                return f"attribute name must not be {name!r}, which says where the answer ends"
        text = self.name + self.value + self.also
        if not text.isascii() or {"\r", "\n"} & set(text) or ":" in self.name:
            return "attributes name, value and also must be ASCII, in one line"
        return HttpParameters.find_problem(self)


class _ChangeHeader(AnswerChange[_Parameters]):
    def pass_wire(self, part: MessagePart, raw: bytes) -> Iterable[bytes]:
        """The head without the header, or with its new value."""
        if part is not MessagePart.HEAD:
            return (raw,)
        name, value = self.parameters.name, self.parameters.value
        lines = [f"{name}: {value}"] if value else []
        lines += [self.parameters.also] if self.parameters.also else []
        added = "".join(f"{line}\r\n" for line in lines).encode()
        head = MessageHead(raw).replace_headers((name.lower(),), added)
        if head != raw:
            self.note_effect(len(raw))
        return (head,)


FAULT = define_http_fault(
    "change_header",
    "a header line of answers has another value, or is missing",
    _Parameters(value="text/plain"),
    _ChangeHeader,
)
