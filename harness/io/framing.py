"""Find the head, the body and the end of one HTTP/1.1 response in pieces of a byte stream (RFC 9112)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from harness.core.errors import ErrorClass, TransportError
from harness.core.exchange import Response
from harness.io.response_reader import Caps, make_cap_error

_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: [^\r\n]*)?$")
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?$", re.DOTALL)
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
_HEAD, _SIZED, _SIZE_LINE, _CHUNK, _CHUNK_END, _TRAILER, _TO_EOF, _DONE = range(8)
"""What comes next."""
_KNOWN_SIZES = {b"%x" % size: size + 4 for size in range(1, 4096)}
"""The usual size lines, and how many bytes follow such a line: a CRLF, the chunk, another CRLF."""
_LONGEST_LINE = 8192
"""Bytes that the line of a chunk's size, or all trailers, may hold."""


class Framer:
    """Frames one response. `head` is set once the head is complete, `done` once the response is.

    `persistent` says that the peer keeps the connection, `rest` holds the bytes after the end. Methods raise
    `TransportError`: MALFORMED for what is not HTTP, TOO_LARGE over a cap, CLOSED for a body that is cut off.
    """

    __slots__ = ("_body_bytes", "_buffer", "_caps", "_left", "_state", "head", "persistent", "rest")

    def __init__(self, caps: Caps) -> None:
        self._caps = caps
        self._buffer = b""
        self._left = 0
        self._body_bytes = 0
        self._state = _HEAD
        self.head: Response | None = None
        self.persistent = False
        self.rest = b""

    @property
    def reusable(self) -> bool:
        """Whether the connection may carry another exchange: bytes after the end would be taken for its response."""
        return self.persistent and not self.rest

    @property
    def done(self) -> bool:
        """Whether the response is complete."""
        return self._state == _DONE

    @property
    def is_chunked(self) -> bool:
        """Whether the head is complete, and chunks are what comes next."""
        return self._state in (_SIZE_LINE, _CHUNK, _CHUNK_END)

    def feed(self, data: bytes) -> bytes:
        """Frame the next bytes; return those of the body."""
        if self._buffer:
            data, self._buffer = self._buffer + data, b""
        if self._state == _HEAD:
            data = self._read_head(data)
        body = self._read_body(data)
        self._count_body(body)
        return body

    def feed_pieces(self, pieces: Iterable[tuple[float, bytes]], bodies: list[tuple[float, bytes]]) -> None:
        """Frame what was read at these times; append to `bodies` what each piece has of the body, with its time.

        A piece that is one whole chunk, as servers send each event of a stream, is framed at a fraction of the cost.
        """
        get_size = _KNOWN_SIZES.get
        is_between_chunks = self._state == _SIZE_LINE and not self._buffer
        for at, data in pieces:
            line_end = data.find(b"\r\n")
            is_chunk = get_size(data[:line_end]) == len(data) - line_end and data.endswith(b"\r\n")
            if is_chunk and is_between_chunks:
                body = data[line_end + 2 : -2]
                self._count_body(body)
            else:
                body = self.feed(data)
                is_between_chunks = self._state == _SIZE_LINE and not self._buffer
            if body:
                bodies.append((at, body))

    def end(self) -> None:
        """The connection has ended: this ends a body without a length, and cuts any other off."""
        if self._state == _TO_EOF:
            self._state = _DONE
        elif self._state != _DONE:
            event = "ended" if self.head is not None or self._buffer else "began"
            raise TransportError(ErrorClass.CLOSED, f"the connection ended before the answer {event}")

    def _count_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        if self._body_bytes > self._caps.body_bytes:
            raise make_cap_error("the body is", self._caps.body_bytes)

    def _read_body(self, data: bytes) -> bytes:
        if self._state == _SIZED:
            body, rest = data[: self._left], data[self._left :]
            self._left -= len(body)
            if not self._left:
                self._state, self.rest = _DONE, rest
            return body
        if self._state == _TO_EOF:
            return data
        if self._state in (_HEAD, _DONE):
            self.rest += data
            return b""
        return self._read_chunks(data)

    def _read_chunks(self, data: bytes) -> bytes:
        pieces: list[bytes] = []
        position = 0
        while self._state != _DONE:
            if self._state == _CHUNK:
                piece = data[position : position + self._left]
                pieces.append(piece)
                position += len(piece)
                self._left -= len(piece)
                if self._left:
                    break
                self._state = _CHUNK_END
            line_end = data.find(b"\r\n", position)
            if line_end < 0:
                self._keep_rest(data[position:], _LONGEST_LINE)
                break
            line, position = data[position:line_end], line_end + 2
            self._read_line(line)
        if self._state == _DONE:
            self.rest = data[position:]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _read_line(self, line: bytes) -> None:
        """A line between the chunks' data: the CRLF after a chunk, a size, or a trailer."""
        if self._state == _CHUNK_END:
            if line:
                raise _malformed_error("a chunk is longer than its size says")
            self._state = _SIZE_LINE
        elif self._state == _SIZE_LINE:
            match = _SIZE.match(line)
            if match is None:
                raise _malformed_error("the size of a chunk is not a hexadecimal number")
            self._left = int(match[1], 16)
            self._state = _CHUNK if self._left else _TRAILER
        elif not line:
            self._state = _DONE

    def _read_head(self, data: bytes) -> bytes:
        while True:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                if data and not b"HTTP/1.".startswith(data[:7]) and not data.startswith(b"HTTP/1."):
                    raise _malformed_error("it does not begin like HTTP/1.1")
                self._keep_rest(data, self._caps.header_bytes)
                return b""
            if end > self._caps.header_bytes:
                raise make_cap_error("the headers are", self._caps.header_bytes)
            head = _parse_head(data[:end])
            data = data[end + 4 :]
            if head.response.status == 101:
                raise _malformed_error("it switches to another protocol, which was not asked for")
            if head.response.status >= 200:  # RFC 9110 section 15.2: informational answers come before the final one
                break
        self.head, self.persistent, self._state, self._left = head
        return data

    def _keep_rest(self, rest: bytes, most: int) -> None:
        if len(rest) > most:
            raise make_cap_error("a line or the head is", most)
        self._buffer = rest


class _Head(NamedTuple):
    """A head as it was read: the response without a body, whether the connection stays, and where the body ends."""

    response: Response
    persistent: bool
    state: int
    left: int


@lru_cache(maxsize=32)
def _parse_head(head: bytes) -> _Head:
    """Most heads of a load are the same bytes, except for the time of day."""
    first, *lines = head.split(b"\r\n")
    match = _STATUS.match(first)
    if match is None:
        raise _malformed_error("its first line is not a status line of HTTP/1.1")
    pairs = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not _NAME.match(name):
            raise _malformed_error("a header line has no name")
        pairs.append((name.lower().decode("ascii"), value.strip(b" \t").decode("latin-1")))
    status, version = int(match[2]), int(match[1])
    response = Response(status, tuple(pairs), http_version=f"HTTP/1.{version}")
    if status < 200:
        return _Head(response, persistent=True, state=_HEAD, left=0)
    return _find_end(response, version)


def _find_end(response: Response, version: int) -> _Head:
    """Where the body ends (RFC 9112 section 6.3)."""
    headers = response.headers
    tokens = {part.strip().lower() for name, value in headers if name == "connection" for part in value.split(",")}
    persistent = "close" not in tokens and (version == 1 or "keep-alive" in tokens)
    codings = [value.strip().lower() for name, value in headers if name == "transfer-encoding"]
    lengths = {part.strip() for name, value in headers if name == "content-length" for part in value.split(",")}
    if response.status in (204, 304):
        return _Head(response, persistent, _DONE, 0)
    if codings:
        if codings != ["chunked"]:
            raise _malformed_error(f"transfer encoding {', '.join(codings)!r} was not offered")
        return _Head(response, persistent, _SIZE_LINE, 0)
    if not lengths:
        return _Head(response, persistent=False, state=_TO_EOF, left=0)
    length = lengths.pop()
    if lengths or not (length.isascii() and length.isdigit() and len(length) < 16):
        raise _malformed_error("its Content-Length is not one number")
    return _Head(response, persistent, _SIZED if int(length) else _DONE, int(length))


def _malformed_error(why: str) -> TransportError:
    return TransportError(ErrorClass.MALFORMED, f"what came back is not HTTP ({why})")
