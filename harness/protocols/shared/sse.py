"""Server-sent events, decoded as they arrive (WHATWG HTML, section 9.2, "Server-sent events")."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from harness.core.errors import ProtocolError

MAX_EVENT_SIZE = 2**20
"""The most bytes of one line, and the most characters in the data of one event; a larger one breaks the stream."""

_LINE_END = re.compile(rb"\r\n|\r|\n")
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event: its data (lines joined by LF) and its type."""

    data: str
    event: str = "message"


class LineBuffer:
    """A line that arrives in pieces."""

    def __init__(self, limit: int) -> None:
        self.size = 0
        self._limit = limit
        self._parts: list[bytes] = []

    def append(self, part: bytes) -> None:
        """Add a piece of the line. Raises `ProtocolError` if the line is longer than the limit."""
        self.size += len(part)
        if self.size > self._limit:
            raise ProtocolError(f"a line of the stream is over {self._limit} bytes")
        self._parts.append(part)

    def take_line(self) -> bytes:
        """The complete line; a new one begins."""
        line = b"".join(self._parts)
        self._parts, self.size = [], 0
        return line


class SSEDecoder:
    """Decodes an event stream that arrives in pieces; where the pieces are cut makes no difference to the events.

    As the standard says, bytes that are not UTF-8 become U+FFFD, and an unfinished event at the end is dropped. Ids and
    reconnection times are ignored, because a broken stream is judged and not resumed.
    """

    def __init__(self, limit: int = MAX_EVENT_SIZE) -> None:
        self._limit = limit
        self._line = LineBuffer(limit)
        self._is_first = True
        self._after_cr = False
        self._data: list[str] = []
        self._data_size = 0
        self._event = ""

    def skip_start(self) -> None:
        """The first event was decoded elsewhere: a byte-order mark is no longer one of the stream."""
        self._is_first = False

    @property
    def is_between_events(self) -> bool:
        """Whether no event is in progress: the next byte begins one."""
        return not (self._line.size or self._data or self._event or self._after_cr or self._is_first)

    def feed(self, data: bytes) -> Iterator[ServerEvent]:
        """The events that these bytes complete; read all of them. Raises `ProtocolError` over the limit."""
        if self._after_cr and data:
            # A CR at the end of the last piece ended its line at once, so that no event had to wait for this piece.
            self._after_cr = False
            data = data.removeprefix(b"\n")
        if not data:
            return
        self._after_cr = data.endswith(b"\r")
        *lines, rest = _LINE_END.split(data)
        for part in lines:
            self._line.append(part)
            line = self._line.take_line()
            if self._is_first:
                self._is_first, line = False, line.removeprefix(_BOM)
            # In UTF-8, CR and LF are not part of any other character, so each line can be decoded separately.
            if (event := self._process_line(line.decode("utf-8", "replace"))) is not None:
                yield event
        self._line.append(rest)

    def _process_line(self, line: str) -> ServerEvent | None:
        """An empty line completes the event; a comment (`:` first) is ignored."""
        if not line:
            return self._complete_event()
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

    def _complete_event(self) -> ServerEvent | None:
        data, event = self._data, self._event
        self._data, self._data_size, self._event = [], 0, ""
        return ServerEvent("\n".join(data), event or "message") if data else None
