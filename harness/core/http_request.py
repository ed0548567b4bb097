"""An HTTP request as a fault sees it, and the conditions that decide whether the fault may strike it.

Tested in tests/core/test_http_request.py.
"""

from __future__ import annotations

import fnmatch
import json
import re
from dataclasses import dataclass
from typing import Annotated, Any

from harness.core.fault import FaultParameters, Parameter
from harness.core.http1 import MessageHead

_MOST_BODY = 1 << 20
"""Bytes of a request's body that are kept for conditions, at most; a longer one meets none of them."""

_PASSED = "passed"
"""Where the requests that could be struck are counted, in what all connections of a fault have in common."""
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class HttpRequest:
    """A request as far as it has gone through the link; its body is kept only where a fault asks for it.

    `waits_until` is the time, on the link's clock, until which its sender had been asked to wait before it came.
    """

    __slots__ = ("_is_complete", "_pieces", "_size", "head", "waits_until")

    def __init__(self, head: MessageHead) -> None:
        self.head = head
        self._pieces: list[bytes] = []
        self._size = 0
        self._is_complete = False
        self.waits_until = 0.0

    @property
    def trace(self) -> str:
        """The id of its trace (W3C), which all attempts at one request have in common; empty where it states none."""
        fields = self.head.read_header("traceparent").split("-")
        return fields[1] if len(fields) > 1 else ""

    @property
    def method(self) -> str:
        """In upper case, as sent."""
        return self.head.start[0]

    @property
    def target(self) -> str:
        """Path and query."""
        target = self.head.start[1]
        return target if target.startswith("/") else re.sub(r"^\w+://[^/]*", "", target)

    @property
    def speaks_chunked(self) -> bool:
        """Whether the client understands a body in chunks."""
        return self.head.start[2] != "HTTP/1.0"

    def add_data(self, data: bytes) -> None:
        """A piece of the body."""
        self._size += len(data)
        if self._size <= _MOST_BODY:
            self._pieces.append(data)

    def complete(self) -> None:
        """The body has ended."""
        self._is_complete = True

    def read_body(self) -> bytes | None:
        """The body; None while it is not complete, or where it is too long."""
        if not self._is_complete or self._size > _MOST_BODY:
            return None
        return b"".join(self._pieces)

    def read_json(self) -> Any:
        """The body as JSON; None where it is none."""
        try:
            return json.loads(self.read_body() or b"null")
        except (ValueError, RecursionError):
            return None


@dataclass(frozen=True, slots=True)
class HttpParameters(FaultParameters):
    """The conditions that every fault on HTTP requests has; a request must meet all that are given.

    In all of them `*` stands for any text and `?` for one character.
    """

    method: Annotated[str, Parameter("only requests with this method")] = ""
    path: Annotated[str, Parameter("only requests whose path begins with this; `*` stands for any text")] = ""
    header: Annotated[str, Parameter("only requests with this header, `NAME` or `NAME: VALUE`")] = ""
    body: Annotated[str, Parameter("only requests whose JSON has this field, `NAME.NAME` or `NAME: VALUE`")] = ""
    answered: Annotated[str, Parameter("only requests whose true answer has this status, as `4*`")] = ""
    skip: Annotated[int, Parameter("of those, the requests that pass before the first is struck", high=1_000_000)] = 0

    def find_problem(self) -> str:
        """Why no request can meet a condition; empty where one can."""
        if self.header and not _TOKEN.fullmatch(self.header.partition(":")[0].strip()):
            return f"attribute header must be like 'x-tenant' or 'x-tenant: gold*', not {self.header!r}"
        if self.body and not self.body.partition(":")[0].strip():
            return f"attribute body must be like 'tools' or 'model: gpt-*', not {self.body!r}"
        return ""


CONDITIONS = ("method", "path", "header", "body", "answered", "skip")
"""The names of the conditions, which are common to every fault on HTTP requests."""


class RequestCondition:
    """The conditions of a fault's parameters, ready to be compared with requests."""

    def __init__(self, parameters: HttpParameters) -> None:
        self._method = parameters.method.upper()
        self._path = parameters.path and re.compile(fnmatch.translate(parameters.path + "*"))
        self._header = _split_condition(parameters.header.lower())
        self._field = _split_condition(parameters.body)
        self._skip = parameters.skip
        self._status = parameters.answered and re.compile(fnmatch.translate(parameters.answered))
        self.needs_body = self._field is not None

    def passes_first(self, memory: dict[Any, Any]) -> bool:
        """Whether a request that could be struck is one of the first, which pass; `memory` counts them."""
        passed: int = memory.get(_PASSED, 0)
        memory[_PASSED] = passed + 1
        return passed < self._skip

    def is_met_by_answer(self, status: int) -> bool:
        """Whether the fault may strike a request whose true answer has this status."""
        return not self._status or bool(self._status.match(str(status)))

    def is_met(self, request: HttpRequest) -> bool:
        """Whether the fault may strike this request, as far as it has arrived."""
        if self._method and request.method != self._method:
            return False
        if self._path and not self._path.match(request.target):
            return False
        if self._header:
            name, pattern = self._header
            if not (request.head.has_header(name) and pattern.match(request.head.read_header(name).lower())):
                return False
        if self._field:
            name, pattern = self._field
            return any(pattern.match(text) for text in _list_texts(request.read_json(), name))
        return True


def _split_condition(text: str) -> tuple[str, re.Pattern[str]] | None:
    if not text:
        return None
    name, colon, pattern = text.partition(":")
    return name.strip(), re.compile(fnmatch.translate(pattern.strip() if colon else "*"))


def _list_texts(value: Any, path: str) -> list[str]:
    """The value at a dotted path as a text, if there is one; a text itself, anything else as JSON."""
    for step in path.split("."):
        if isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        elif isinstance(value, dict) and step in value:
            value = value[step]
        else:
            return []
    return [value if isinstance(value, str) else json.dumps(value)]
