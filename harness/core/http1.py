"""HTTP/1.1 messages in a stream of bytes (RFC 9112), without IO: where each part begins and ends.

Every byte is kept: the parts of a message, joined, are what came.

Tested in tests/core/test_http1.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from enum import Enum, auto

_LONGEST_LINE = 65536
"""Longest head, and longest line of the chunked coding, in bytes; what is longer is not read as HTTP."""

_SIZE = re.compile(rb"[ \t]*([0-9a-fA-F]{1,16})[ \t]*(?:;.*)?\r\n")
_BARE_LINE_END = re.compile(rb"(?<!\r)\n")

CHUNKED, CLOSE, RAW = "chunked", "close", "raw"
"""Framings of a body beside a length: in chunks, until the end of the connection, and no HTTP from here on."""

Framing = int | str


class MessagePart(Enum):
    """Parts of a message.

    The head; of a chunk its size line, data and line end; the last chunk, and then its trailers; bytes that are not
    HTTP. A body with a length is data alone.
    """

    HEAD = auto()
    CHUNK_SIZE = auto()
    DATA = auto()
    CHUNK_END = auto()
    LAST_CHUNK = auto()
    TRAILERS = auto()
    RAW = auto()


_WITHOUT_END = {CLOSE: MessagePart.DATA, RAW: MessagePart.RAW}


class MessageHead:
    """The bytes of a head, its start line as three words, and headers on demand: most are never asked for."""

    __slots__ = ("_lower", "raw", "start")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        words = raw[: raw.find(b"\r\n")].decode("latin-1").split(" ", 2)
        self.start = (*words, "", "")[:3]
        self._lower = raw.lower()

    def read_header(self, name: str) -> str:
        """The value of the first header of this name (in lower case), empty where there is none."""
        mark = b"\r\n%b:" % name.encode("latin-1")
        place = self._lower.find(mark)
        if place < 0:
            return ""
        begin = place + len(mark)
        return self.raw[begin : self.raw.find(b"\r\n", begin)].decode("latin-1").strip()

    def has_header(self, name: str) -> bool:
        """Whether there is a header of this name (in lower case)."""
        return b"\r\n%b:" % name.encode("latin-1") in self._lower

    def find_framing(self) -> Framing:
        """The length of the body, `chunked`, or `close` where the headers say neither. Raises `ValueError`."""
        if b"\r\ntransfer-encoding:" in self._lower and "chunked" in self.read_header("transfer-encoding").lower():
            return CHUNKED
        digits = self.read_header("content-length")
        if not digits:
            return CLOSE
        if not (digits.isascii() and digits.isdigit()):
            raise ValueError("a length is a whole number")
        return int(digits)

    def replace_headers(self, drop: tuple[str, ...], add: bytes) -> bytes:
        """The bytes of the head without some headers, and with others (lines with their ends)."""
        start, *lines = self.raw[:-4].split(b"\r\n")
        names = tuple(name.encode("latin-1") + b":" for name in drop)
        others = [line for line in lines if not line.lower().startswith(names)]
        return b"\r\n".join([start, *others, add + b"\r\n"])


class MessageScanner:
    """Splits one direction of a connection into parts; joined again they are the bytes that came.

    `choose_framing` is called with each head and says how its body is framed: a length, `chunked`, `close` (until the
    end of the connection) or `raw` (no HTTP from here on). A `ValueError` of it means `raw`. Every head begins with
    `mark`.
    """

    def __init__(self, choose_framing: Callable[[MessageHead], Framing], mark: bytes = b"") -> None:
        self._choose_framing = choose_framing
        self._mark = mark
        self._buffer = b""
        self._state = "head"
        self.left = 0
        """Bytes of the body, or of its chunk, that have not arrived."""

    @property
    def is_between(self) -> bool:
        """Whether the last message is complete."""
        return self._state == "head"

    @property
    def is_in_chunk_end(self) -> bool:
        """Whether a chunk is complete but for its line end."""
        return self._state == "after"

    @property
    def pending(self) -> int:
        """Bytes of a part that is not complete."""
        return len(self._buffer)

    def scan(self, data: bytes) -> Iterator[tuple[MessagePart, bytes]]:
        """The parts that are complete; data of a body comes as it arrives."""
        self._buffer += data
        while self._buffer:
            buffer = self._buffer
            if self._state in ("length", "data"):
                yield MessagePart.DATA, self._take_data()
            elif self._state in (CLOSE, RAW):
                self._buffer = b""
                yield _WITHOUT_END[self._state], buffer
            elif self._state == "head" and buffer[:2] == b"\r\n":
                self._buffer = buffer[2:]  # a line end between messages
                yield MessagePart.RAW, buffer[:2]
            elif end := self._find_end():
                self._buffer = buffer[end:]
                yield self._read_part(buffer[:end]), buffer[:end]
            elif len(buffer) > _LONGEST_LINE or (self._state == "head" and not self._can_be_head()):
                self._state = RAW
            else:
                return

    def release(self) -> bytes:
        """Give up the bytes of a part that is not complete; what follows is not read as HTTP."""
        rest, self._buffer, self._state = self._buffer, b"", RAW
        return rest

    def _find_end(self) -> int:
        """Where the head, line or trailers at the start of the buffer end; 0 when that has not arrived."""
        mark = b"\r\n"
        if self._state == "head" or (self._state == "trailer" and self._buffer[:2] != mark):
            mark = b"\r\n\r\n"
        return self._buffer.find(mark) + len(mark) if mark in self._buffer else 0

    def _take_data(self) -> bytes:
        if len(self._buffer) <= self.left:
            data, self._buffer = self._buffer, b""
        else:
            data, self._buffer = self._buffer[: self.left], self._buffer[self.left :]
        self.left -= len(data)
        if not self.left:
            self._state = {"length": "head", "data": "after"}[self._state]
        return data

    def _read_part(self, raw: bytes) -> MessagePart:
        """What a complete head, line or trailer is; sets the state for what follows it."""
        if self._state == "after":
            self._state = "size"
            return MessagePart.CHUNK_END
        if self._state == "trailer":
            self._state = "head"
            return MessagePart.TRAILERS
        try:
            if self._state == "head":
                self._begin_body(self._choose_framing(MessageHead(raw)))
                return MessagePart.HEAD
            self.left = _read_size(raw)
        except ValueError:
            self._state = RAW
            return MessagePart.RAW
        if not self.left:
            self._state = "trailer"
            return MessagePart.LAST_CHUNK
        self._state = "data"
        return MessagePart.CHUNK_SIZE

    def _can_be_head(self) -> bool:
        """Whether a head may begin like this; those of old servers, which end lines with a bare LF, are not read."""
        start = self._buffer
        if self._mark:
            is_possible = start.startswith(self._mark[: len(start)])
        else:
            is_possible = start[:1].isupper()
        return (is_possible or start == b"\r") and not _BARE_LINE_END.search(start)

    def _begin_body(self, framing: Framing) -> None:
        self.left = 0
        if framing == CHUNKED:
            self._state = "size"
        elif isinstance(framing, str):
            self._state = framing
        elif framing:
            self._state, self.left = "length", framing


def _read_size(line: bytes) -> int:
    match = _SIZE.fullmatch(line)
    if match is None:
        raise ValueError("the size of a chunk is a hexadecimal number")
    return int(match[1], 16)
