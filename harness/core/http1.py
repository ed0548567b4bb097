"""HTTP/1.1 messages in a stream of bytes (RFC 9112), without IO: where each part begins and ends.

Tested in tests/faults/test_fault_conformance.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto

_LONGEST_LINE = 65536
"""Longest head, and longest line of the chunked coding, in bytes; what is longer is not read as HTTP."""


class MessagePart(Enum):
    """Parts of a message.

    The head; of a chunk its size line, data and line end; the last chunk with the trailers; bytes that are not HTTP.
    """

    HEAD = auto()
    CHUNK_SIZE = auto()
    DATA = auto()
    CHUNK_END = auto()
    END = auto()
    RAW = auto()


@dataclass(frozen=True, slots=True)
class MessageHead:
    """The three words of a start line, and the headers with names in lower case."""

    start: tuple[str, str, str]
    headers: dict[str, str]

    @classmethod
    def parse(cls, raw: bytes) -> MessageHead:
        """Read the bytes of a head."""
        start, *lines = raw.decode("latin-1").split("\r\n")
        words = [*start.split(" ", 2), "", ""]
        headers = {}
        for line in filter(None, lines):
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        return cls((words[0], words[1], words[2]), headers)

    def find_framing(self) -> int | str:
        """The length of the body, `chunked`, or `close` where the headers say neither. Raises `ValueError`."""
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            return "chunked"
        if "content-length" not in self.headers:
            return "close"
        return _read_length(self.headers["content-length"], 10)


class MessageScanner:
    """Splits one direction of a connection into parts; joined again they are the bytes that came.

    `choose_framing` is called with each head and says how its body is framed: a length, `chunked`, `close` (until the
    end of the connection) or `raw` (no HTTP from here on). A `ValueError` of it means `raw`.
    """

    def __init__(self, choose_framing: Callable[[MessageHead], int | str]) -> None:
        self._choose_framing = choose_framing
        self._buffer = b""
        self._state = "head"
        self._left = 0

    def scan(self, data: bytes) -> Iterator[tuple[MessagePart, bytes]]:
        """The parts that are complete; data of a body comes as it arrives."""
        self._buffer += data
        while self._buffer:
            buffer = self._buffer
            if self._state in ("close", "raw"):
                self._buffer = b""
                yield MessagePart.DATA if self._state == "close" else MessagePart.RAW, buffer
            elif self._state in ("length", "data"):
                yield MessagePart.DATA, self._take_data()
            elif end := self._find_end():
                self._buffer = buffer[end:]
                yield self._read_part(buffer[:end]), buffer[:end]
            elif len(buffer) > _LONGEST_LINE or (self._state == "head" and not _can_be_head(buffer)):
                self._state = "raw"
            else:
                return

    def release(self) -> bytes:
        """Give up the bytes of a part that is not complete; what follows is not read as HTTP."""
        rest, self._buffer, self._state = self._buffer, b"", "raw"
        return rest

    def _find_end(self) -> int:
        """Where the head, line or trailers at the start of the buffer end; 0 when that has not arrived."""
        mark = b"\r\n"
        if self._state == "head" or (self._state == "trailer" and self._buffer[:2] != mark):
            mark = b"\r\n\r\n"
        return self._buffer.find(mark) + len(mark) if mark in self._buffer else 0

    def _take_data(self) -> bytes:
        data, self._buffer = self._buffer[: self._left], self._buffer[self._left :]
        self._left -= len(data)
        if not self._left:
            self._state = {"length": "head", "data": "after"}[self._state]
        return data

    def _read_part(self, raw: bytes) -> MessagePart:
        """What a complete head, line or trailer is; sets the state for what follows it."""
        if self._state == "after":
            self._state = "size"
            return MessagePart.CHUNK_END
        if self._state == "trailer":
            self._state = "head"
            return MessagePart.END
        try:
            if self._state == "head":
                self._begin_body(self._choose_framing(MessageHead.parse(raw)))
                return MessagePart.HEAD
            self._left = _read_length(raw.split(b";")[0], 16)
        except ValueError:
            self._state = "raw"
            return MessagePart.RAW
        if self._left:
            self._state = "data"
            return MessagePart.CHUNK_SIZE
        self._state = "trailer"
        return MessagePart.END

    def _begin_body(self, framing: int | str) -> None:
        self._left = 0
        if framing == "chunked":
            self._state = "size"
        elif isinstance(framing, str):
            self._state = framing
        elif framing:
            self._state, self._left = "length", framing


def _read_length(digits: str | bytes, base: int) -> int:
    length = int(digits, base)
    if length < 0:
        raise ValueError("a length is 0 or more")
    return length


def _can_be_head(start: bytes) -> bool:
    return start[:1].isupper() or start[:2] == b"\r\n"
