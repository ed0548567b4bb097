"""Events of a streamed answer: server-sent events (WHATWG HTML 9.2.6) and JSON lines, split out of bytes as they come.

Tested in tests/core/test_stream_events.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_LINE_END = re.compile(rb"\r\n|\n|\r")
_ENDS = (b"message_stop", b"response.completed")
"""Types of the last event in the APIs of Anthropic and of OpenAI's responses."""


@dataclass(slots=True)
class Event:
    """One event with its line ends, `data` without its prefixes; `data` is None for a block without any (a comment).

    Not to be changed; one that is frozen takes three times as long to make.
    """

    raw: bytes
    data: bytes | None
    is_line: bool = False

    def replace_data(self, data: bytes) -> bytes:
        """The bytes of the event with other data; its name and other fields stay."""
        if self.is_line:
            return data + b"\n"
        if self.data is not None and self.raw == b"data: %b\n\n" % self.data and b"\n" not in data:
            return b"data: %b\n\n" % data
        fields = [line for line in _LINE_END.split(self.raw) if line and not line.startswith(b"data")]
        lines = [*fields, *(b"data: " + line for line in data.split(b"\n"))]
        return b"\n".join(lines) + b"\n\n"

    def read_json(self) -> Any:
        """The data as JSON; None for what is not JSON."""
        try:
            return json.loads(self.data or b"null")
        except (ValueError, RecursionError):
            return None

    def is_terminator(self) -> bool:
        """Whether it says that the stream is complete: `[DONE]`, or the last event of another API."""
        if self.data is None:
            return False
        if self.data.strip() == b"[DONE]" or any(self.data.find(name) > 0 for name in _ENDS):
            return True
        if b'"done"' not in self.data:
            return False
        value = self.read_json()
        return isinstance(value, dict) and value.get("done") is True


class EventSplitter:
    """Splits a stream into events; joined they are the bytes that came. `is_lines`: each line is an event (NDJSON)."""

    def __init__(self, is_lines: bool) -> None:
        self._is_lines = is_lines
        self._block = self._line = b""
        self._data: list[bytes] = []

    @property
    def pending(self) -> bytes:
        """The bytes of an event that is not complete."""
        return self._block + self._line

    def split(self, data: bytes) -> Iterator[Event]:
        """The events that are complete now."""
        text = self._line + data
        place = 0
        is_usual = not (b"\r" in text or b"\n\n\n" in text or text.startswith(b"\n"))
        if is_usual and not (self._block or self._is_lines):
            blocks = text.split(b"\n\n")
            text = blocks.pop()
            for raw in blocks:
                yield _read_block(raw + b"\n\n")
        while end := _LINE_END.search(text, place):
            if end.end() == len(text) and end[0] == b"\r":
                break  # a LF may follow
            line, whole, place = text[place : end.start()], text[place : end.end()], end.end()
            if (event := self._read_line(line, whole)) is not None:
                yield event
        self._line = text[place:]

    def finish(self) -> Iterator[Event]:
        """The last event, where the stream ends without the blank line that closes it; nothing otherwise."""
        line, self._line = self._line, b""
        if line and (event := self._read_line(line.rstrip(b"\r"), line)) is not None:
            yield event
        if self._block:
            yield self._take_event()

    def _read_line(self, line: bytes, whole: bytes) -> Event | None:
        self._block += whole
        if self._is_lines:
            self._data = [line] if line.strip() else []
            return self._take_event()
        if line.startswith(b"data") and line[4:5] in (b":", b""):
            self._data.append(line[5:].removeprefix(b" "))
        return None if line else self._take_event()

    def _take_event(self) -> Event:
        data = b"\n".join(self._data)
        event = Event(self._block, data if self._data else None, self._is_lines)
        self._block, self._data = b"", []
        return event


def _read_block(raw: bytes) -> Event:
    """A block of server-sent events that ends with an empty line, all line ends LF."""
    lines = raw[:-2].split(b"\n")
    data = [line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data") and line[4:5] in (b":", b"")]
    return Event(raw, b"\n".join(data) if data else None)
