"""Server-sent events, decoded as they arrive (WHATWG HTML, section 9.2, "Server-sent events")."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from harness.core.errors import ProtocolError

MAX_EVENT_SIZE = 2**20
"""Bytes that one line, or the data of one event, may hold before the stream is refused."""

_LINE_END = re.compile(rb"\r\n|\r|\n")
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One dispatched event: its data (lines joined by LF) and its type."""

    data: str
    event: str = "message"


class LineBuffer:
    """The line under way, which may come in pieces."""

    def __init__(self, limit: int) -> None:
        self.size = 0
        self._limit = limit
        self._parts: list[bytes] = []

    def keep(self, part: bytes) -> None:
        """Put a piece behind the others. Raises `ProtocolError` over the limit."""
        self.size += len(part)
        if self.size > self._limit:
            raise ProtocolError(f"a line of the stream is over {self._limit} bytes")
        self._parts.append(part)

    def take(self) -> bytes:
        """The whole line; the next one begins."""
        whole = b"".join(self._parts)
        self._parts, self.size = [], 0
        return whole


class SSEDecoder:
    """Decodes one event stream fed in any pieces: the events do not depend on where the bytes are cut.

    Bytes that are not UTF-8 become U+FFFD, and what the stream leaves unfinished is dropped, both as the standard says.
    Ids and reconnection times are passed over: a broken stream is judged, and not resumed.
    """

    def __init__(self, limit: int = MAX_EVENT_SIZE) -> None:
        self._limit = limit
        self._line = LineBuffer(limit)
        self._first = True
        self._after_cr = False
        self._data: list[str] = []
        self._data_size = 0
        self._event = ""

    @property
    def between(self) -> bool:
        """Whether nothing is under way: the next byte begins an event."""
        return not (self._line.size or self._data or self._event or self._after_cr or self._first)

    def feed(self, data: bytes) -> Iterator[ServerEvent]:
        """The events that these bytes complete; to be consumed whole. Raises `ProtocolError` over the limit."""
        if self._after_cr and data:
            # The CR has ended its line already, so that an event is not held back until the next byte comes.
            self._after_cr = False
            data = data.removeprefix(b"\n")
        if not data:
            return
        self._after_cr = data.endswith(b"\r")
        *lines, rest = _LINE_END.split(data)
        for line in lines:
            self._line.keep(line)
            whole = self._line.take()
            if self._first:
                self._first, whole = False, whole.removeprefix(_BOM)
            # CR and LF are no part of any other character in UTF-8, so whole lines can be decoded one by one.
            if (event := self._take(whole.decode("utf-8", "replace"))) is not None:
                yield event
        self._line.keep(rest)

    def _take(self, line: str) -> ServerEvent | None:
        """Process one line: an empty one dispatches the event, a comment (`:` first) is passed over."""
        if not line:
            return self._dispatch()
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data_size += len(value) + 1
            if self._data_size > self._limit:
                raise ProtocolError(f"the data of one event is over {self._limit} characters")
            self._data.append(value)
        elif field == "event":
            self._event = value
        return None

    def _dispatch(self) -> ServerEvent | None:
        data, event = self._data, self._event
        self._data, self._data_size, self._event = [], 0, ""
        return ServerEvent("\n".join(data), event or "message") if data else None
