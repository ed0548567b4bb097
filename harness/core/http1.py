"""HTTP/1.1 messages in a stream of bytes (RFC 9112), without IO: where each part begins and ends.

Every byte is kept: the parts of a message, joined, are what came.

Tested in tests/core/test_http1.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from enum import Enum, auto
from functools import lru_cache

_LONGEST_LINE = 65536
"""Longest head, and longest line of the chunked coding, in bytes; what is longer is not read as HTTP."""

_SIZE = re.compile(rb"[ \t]*([0-9a-fA-F]{1,16})[ \t]*(?:;.*)?\r\n")
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(?:([0-9]+)[ \t]*\r\n)?")
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


_ENDS = {"after": MessagePart.CHUNK_END, "trailer": MessagePart.TRAILERS}


class MessageHead:
    """The bytes of a head, its start line as three words, and headers on demand: most are never asked for."""

    __slots__ = ("_lower", "_start", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._lower = raw.lower()
        self._start: tuple[str, ...] | None = None

    @property
    def start(self) -> tuple[str, ...]:
        """The three words of the start line; a missing one is empty."""
        if self._start is None:
            words = self.raw[: self.raw.find(b"\r\n")].decode("latin-1").split(" ", 2)
            self._start = (*words, "", "")[:3]
        return self._start

    def read_header(self, name: str) -> str:
        """The value of the first header of this name (in lower case), empty where there is none."""
        mark = _make_mark(name)
        place = self._lower.find(mark)
        if place < 0:
            return ""
        begin = place + len(mark)
        return self.raw[begin : self.raw.find(b"\r\n", begin)].decode("latin-1").strip()

    def has_header(self, name: str) -> bool:
        """Whether there is a header of this name (in lower case)."""
        return _make_mark(name) in self._lower

    def find_framing(self) -> Framing:
        """The length of the body, `chunked`, or `close` where the headers say neither. Raises `ValueError`."""
        if b"\r\ntransfer-encoding:" in self._lower and "chunked" in self.read_header("transfer-encoding").lower():
            return CHUNKED
        match = _LENGTH.search(self._lower)
        if match is None:
            return CLOSE
        if not match[1]:
            raise ValueError("a length is a whole number")
        return int(match[1])

    def replace_headers(self, drop: tuple[str, ...], add: bytes) -> bytes:
        """The bytes of the head without some headers, and with others (lines with their ends)."""
        return _make_header_pattern(drop).sub(b"", self.raw)[:-2] + add + b"\r\n"


@lru_cache(64)
def _make_mark(name: str) -> bytes:
    return b"\r\n%b:" % name.encode("latin-1")


@lru_cache(64)
def _make_header_pattern(names: tuple[str, ...]) -> re.Pattern[bytes]:
    alternatives = "|".join(map(re.escape, names)).encode("latin-1")
    return re.compile(rb"(?i)(?<=\r\n)(?:%b):[^\r]*\r\n" % alternatives)


class MessageScanner:
    """Splits one direction of a connection into parts; joined again they are the bytes that came.

    `choose_framing` is called with each head and says how its body is framed: a length, `chunked`, `close` (until the
    end of the connection) or `raw` (no HTTP from here on). A `ValueError` of it means `raw`. Every head begins with
    `mark`. While `is_quiet`, the parts of a body come joined, as `DATA`; the end of the message ends this.
    """

    def __init__(self, choose_framing: Callable[[MessageHead], Framing], mark: bytes = b"") -> None:
        self._choose_framing = choose_framing
        self._mark = mark
        self._buffer = b""
        self._state = "head"
        self.is_quiet = False
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
        data, self._buffer = self._buffer + data, b""
        place, size = 0, len(data)
        while place < size:
            start = place
            part, place = self._read_part(data, start)
            if self.is_quiet and place != start:
                while self._state != "head" and place < size and (end := self._read_part(data, place)[1]) != place:
                    place = end
                part = MessagePart.DATA
                self.is_quiet = self._state != "head"
            if place == start:
                break
            yield part, data[start:place]
        self._buffer = data[place:]

    def take_chunk(self, data: bytes) -> bytes | None:
        """The data of the one chunk that this is, whole; None where it is anything else, which is not taken then."""
        if self._state != "size" or self._buffer:
            return None
        begin = data.find(b"\r\n") + 2
        match = _SIZE.fullmatch(data, 0, begin)
        if match is None or not data.endswith(b"\r\n"):
            return None
        size = int(match[1], 16)
        return data[begin:-2] if size and begin + size + 2 == len(data) else None

    def follow(self, data: bytes) -> None:
        """Read the heads only."""
        data, self._buffer = self._buffer + data, b""
        place, size = 0, len(data)
        while place < size:
            if self._state == "head":
                end = self._read_head(data, place)[1]
            elif self._state == "length":
                end = place + self._take_data(size - place)
            else:
                end = self._read_part(data, place)[1]
            if end == place:
                break
            place = end
        self._buffer = data[place:]

    def release(self) -> bytes:
        """Give up the bytes of a part that is not complete; what follows is not read as HTTP."""
        rest, self._buffer, self._state = self._buffer, b"", RAW
        return rest

    def _read_part(self, data: bytes, start: int) -> tuple[MessagePart, int]:
        """The part at this place and where it ends, which is the same place when it is not complete."""
        state = self._state
        if state in ("length", "data"):
            return MessagePart.DATA, self._take_data(len(data) - start) + start
        if state in _WITHOUT_END:
            return _WITHOUT_END[state], len(data)
        if state == "head":
            return self._read_head(data, start)
        end = _find_end(data, b"\r\n", start)
        if state == "trailer" and end > start + 2:
            end = _find_end(data, b"\r\n\r\n", start)
        if end == start:
            if len(data) - start > _LONGEST_LINE:
                return self._give_up(len(data))
            return MessagePart.RAW, start
        if state == "size":
            return self._read_size(data[start:end], end)
        self._state = {"after": "size", "trailer": "head"}[state]
        return _ENDS[state], end

    def _take_data(self, size: int) -> int:
        if size < self.left:
            self.left -= size
            return size
        size, self.left = self.left, 0
        self._state = "head" if self._state == "length" else "after"
        return size

    def _read_head(self, data: bytes, start: int) -> tuple[MessagePart, int]:
        if data.startswith(b"\r\n", start):
            return MessagePart.RAW, start + 2  # a line end between messages
        end = data.find(b"\r\n\r\n", start) + 4
        if end >= 4:
            try:
                framing = self._choose_framing(MessageHead(data[start:end]))
            except ValueError:
                return self._give_up(end)
            self.left = 0
            if framing == CHUNKED:
                self._state = "size"
            elif isinstance(framing, str):
                self._state = framing
            elif framing:
                self._state, self.left = "length", framing
            return MessagePart.HEAD, end
        if len(data) - start > _LONGEST_LINE or not self._can_be_head(data[start:]):
            return self._give_up(len(data))
        return MessagePart.RAW, start

    def _read_size(self, line: bytes, end: int) -> tuple[MessagePart, int]:
        match = _SIZE.fullmatch(line)
        if match is None:
            return self._give_up(end)
        self.left = int(match[1], 16)
        if not self.left:
            self._state = "trailer"
            return MessagePart.LAST_CHUNK, end
        self._state = "data"
        return MessagePart.CHUNK_SIZE, end

    def _give_up(self, end: int) -> tuple[MessagePart, int]:
        """This is no HTTP."""
        self._state = RAW
        return MessagePart.RAW, end

    def _can_be_head(self, start: bytes) -> bool:
        """Whether a head may begin like this; those of old servers, which end lines with a bare LF, are not read."""
        if self._mark:
            is_possible = start.startswith(self._mark[: len(start)])
        else:
            is_possible = start[:1].isupper()
        return (is_possible or start == b"\r") and not _BARE_LINE_END.search(start)


def _find_end(data: bytes, mark: bytes, start: int) -> int:
    """Where the next mark ends; the start where there is none."""
    place = data.find(mark, start)
    return start if place < 0 else place + len(mark)
