"""HTTP/1.1 messages in a stream of bytes (RFC 9112), without IO: where each part begins and ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto

MAX_LINE = 65536
"""Longest head, and longest line of the chunked coding, that is read; what is longer is no HTTP to us."""


class Part(Enum):
    """Parts of a message: head; size line, data and line end of a chunk; last chunk with trailers; what is unknown."""

    HEAD = auto()
    SIZE = auto()
    DATA = auto()
    AFTER = auto()
    END = auto()
    RAW = auto()


@dataclass(frozen=True, slots=True)
class Head:
    """A start line's three words and the headers, with names in lower case."""

    start: tuple[str, str, str]
    headers: dict[str, str]

    @classmethod
    def parse(cls, raw: bytes) -> Head:
        """Raises `ValueError` for what is not a head."""
        first, *lines = raw.decode("latin-1").split("\r\n")
        words = [*first.split(" ", 2), "", ""][:3]
        pairs = (line.partition(":") for line in lines if line)
        return cls((words[0], words[1], words[2]), {name.strip().lower(): text.strip() for name, _, text in pairs})

    def body(self) -> int | str:
        """The length of the body by its headers, `chunked`, or `close` where they do not say."""
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            return "chunked"
        return int(self.headers["content-length"]) if "content-length" in self.headers else "close"


class Scanner:
    """Cuts one direction of a connection into parts; joined again they are the bytes that came.

    `framing` is called with each head and says how its body is framed: a length, `chunked`, `close` (until the end of
    the connection), `raw` (no HTTP from here on).
    """

    def __init__(self, framing: Callable[[Head], int | str]) -> None:
        self._framing = framing
        self._buffer = b""
        self._state = "head"
        self._left = 0

    def feed(self, data: bytes) -> Iterator[tuple[Part, bytes]]:
        """The parts that are complete; data of a body comes as it arrives."""
        self._buffer += data
        while self._buffer:
            state, buffer = self._state, self._buffer
            if state in ("close", "raw"):
                self._buffer = b""
                yield (Part.DATA if state == "close" else Part.RAW), buffer
            elif state in ("length", "data"):
                yield Part.DATA, self._take(min(self._left, len(buffer)))
            elif (end := self._line(state)) > 0:
                yield self._ended(state, end)
            elif len(buffer) > MAX_LINE or (state == "head" and not _plausible(buffer)):
                self._state = "raw"
            else:
                return

    def rest(self) -> bytes:
        """Bytes of a part that is not complete; they are given up."""
        rest, self._buffer, self._state = self._buffer, b"", "raw"
        return rest

    def _line(self, state: str) -> int:
        mark = b"\r\n\r\n" if state == "head" or (state == "trailer" and self._buffer[:2] != b"\r\n") else b"\r\n"
        return self._buffer.find(mark) + len(mark) if mark in self._buffer else 0

    def _take(self, size: int) -> bytes:
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        self._left -= size
        if not self._left:
            self._state = "head" if self._state == "length" else "after"
        return taken

    def _ended(self, state: str, end: int) -> tuple[Part, bytes]:
        raw, self._buffer = self._buffer[:end], self._buffer[end:]
        try:
            if state == "size":
                self._left = int(raw.split(b";")[0], 16)
                self._state = "data" if self._left else "trailer"
                return (Part.SIZE if self._left else Part.END), raw
            if state == "head":
                body = self._framing(Head.parse(raw))
                self._left = body if isinstance(body, int) else 0
                named = "length" if self._left else "head"
                self._state = named if isinstance(body, int) else {"chunked": "size"}.get(body, body)
                return Part.HEAD, raw
        except ValueError:
            self._state = "raw"
            return Part.RAW, raw
        self._state = "size" if state == "after" else "head"
        return (Part.AFTER if state == "after" else Part.END), raw


def _plausible(start: bytes) -> bool:
    return start[:1].isupper() or start[:2] == b"\r\n"
