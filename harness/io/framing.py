"""One HTTP/1.1 answer taken out of a byte stream, fed in whatever pieces the socket gave (RFC 9112)."""

from __future__ import annotations

import re

from harness.core.errors import ErrorClass, TransportError
from harness.core.exchange import Headers, Response
from harness.io.response_reader import Caps

_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: [^\r\n]*)?$")
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?$", re.DOTALL)
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
_HEAD, _SIZED, _SIZE_LINE, _CHUNK, _CHUNK_END, _TRAILER, _TO_EOF, _DONE = range(8)
_LINE = 8192
"""Bytes that the line of a chunk's size, or all trailers, may hold."""


class Framer:
    """Frames one answer. `head` is set once its head is whole, `done` when its end has come.

    `persistent` says that the peer keeps the connection, `rest` is what followed the end. Methods raise
    `TransportError`: MALFORMED for what is not HTTP, TOO_LARGE over a cap, CLOSED for a body cut off.
    """

    __slots__ = ("_buffer", "_caps", "_left", "_state", "_taken", "head", "persistent", "rest")

    def __init__(self, caps: Caps) -> None:
        self._caps = caps
        self._buffer = b""
        self._left = 0
        self._taken = 0
        self._state = _HEAD
        self.head: Response | None = None
        self.persistent = False
        self.rest = b""

    @property
    def reusable(self) -> bool:
        """Whether the connection may carry another exchange: what follows belongs to nothing that was asked."""
        return self.persistent and not self.rest

    @property
    def done(self) -> bool:
        """Whether the answer is whole."""
        return self._state == _DONE

    def feed(self, data: bytes) -> bytes:
        """The bytes of the body in what came."""
        if self._buffer:
            data, self._buffer = self._buffer + data, b""
        if self._state == _HEAD:
            data = self._take_head(data)
        body = self._take_body(data)
        self._taken += len(body)
        if self._taken > self._caps.body_bytes:
            raise TransportError(ErrorClass.TOO_LARGE, f"the body over the cap of {self._caps.body_bytes} bytes")
        return body

    def end(self) -> None:
        """The connection has ended: the end of a body without framing, and of any other a cut."""
        if self._state == _TO_EOF:
            self._state = _DONE
        elif self._state != _DONE:
            what = "the answer began" if self.head is None and not self._buffer else "the answer ended"
            raise TransportError(ErrorClass.CLOSED, f"the connection ended before {what}")

    def _take_body(self, data: bytes) -> bytes:
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
        return self._take_chunks(data)

    def _take_chunks(self, data: bytes) -> bytes:
        found: list[bytes] = []
        at = 0
        while self._state != _DONE:
            if self._state == _CHUNK:
                piece = data[at : at + self._left]
                found.append(piece)
                at += len(piece)
                self._left -= len(piece)
                if self._left:
                    break
                self._state = _CHUNK_END
            line_end = data.find(b"\r\n", at)
            if line_end < 0:
                self._keep(data[at:], _LINE)
                break
            line, at = data[at:line_end], line_end + 2
            self._line(line)
        if self._state == _DONE:
            self.rest = data[at:]
        return found[0] if len(found) == 1 else b"".join(found)

    def _line(self, line: bytes) -> None:
        """A line between the chunks' data: the CRLF after a chunk, a size, or a trailer."""
        if self._state == _CHUNK_END:
            if line:
                raise _malformed("a chunk is longer than its size says")
            self._state = _SIZE_LINE
        elif self._state == _SIZE_LINE:
            match = _SIZE.match(line)
            if match is None:
                raise _malformed("the size of a chunk is no hexadecimal number")
            self._left = int(match[1], 16)
            self._state = _CHUNK if self._left else _TRAILER
        elif not line:
            self._state = _DONE

    def _take_head(self, data: bytes) -> bytes:
        while True:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                if data and not b"HTTP/1.".startswith(data[:7]) and not data.startswith(b"HTTP/1."):
                    raise _malformed("what came does not begin like HTTP/1.1")
                self._keep(data, self._caps.header_bytes)
                return b""
            if end > self._caps.header_bytes:
                raise TransportError(ErrorClass.TOO_LARGE, f"headers over the cap of {self._caps.header_bytes} bytes")
            status, headers, version = _parse_head(data[:end])
            data = data[end + 4 :]
            if status == 101:
                raise _malformed("it switches to another protocol that was not asked for")
            if status >= 200:  # RFC 9110 section 15.2: informational answers come before the final one
                break
        self.head = Response(status, headers, http_version=f"HTTP/1.{version}")
        self._frame(status, headers, version)
        return data

    def _frame(self, status: int, headers: Headers, version: int) -> None:
        """Where the body ends (RFC 9112 section 6.3)."""
        tokens = {part.strip().lower() for name, value in headers if name == "connection" for part in value.split(",")}
        self.persistent = "close" not in tokens and (version == 1 or "keep-alive" in tokens)
        codings = [value.strip().lower() for name, value in headers if name == "transfer-encoding"]
        lengths = {part.strip() for name, value in headers if name == "content-length" for part in value.split(",")}
        if status in (204, 304):
            self._state = _DONE
        elif codings:
            if codings != ["chunked"]:
                raise _malformed(f"transfer encoding {', '.join(codings)!r} was not offered")
            self._state = _SIZE_LINE
        elif lengths:
            length = lengths.pop()
            if lengths or not (length.isascii() and length.isdigit() and len(length) < 16):
                raise _malformed("its Content-Length is no one number")
            self._left = int(length)
            self._state = _SIZED if self._left else _DONE
        else:
            self._state, self.persistent = _TO_EOF, False

    def _keep(self, rest: bytes, most: int) -> None:
        if len(rest) > most:
            raise TransportError(ErrorClass.TOO_LARGE, f"a line or head over the cap of {most} bytes")
        self._buffer = rest


def _parse_head(head: bytes) -> tuple[int, Headers, int]:
    first, *lines = head.split(b"\r\n")
    match = _STATUS.match(first)
    if match is None:
        raise _malformed("its first line is no status line of HTTP/1.1")
    pairs = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not _NAME.match(name):
            raise _malformed("a header line has no name")
        pairs.append((name.lower().decode("ascii"), value.strip(b" \t").decode("latin-1")))
    return int(match[2]), tuple(pairs), int(match[1])


def _malformed(why: str) -> TransportError:
    return TransportError(ErrorClass.MALFORMED, f"what came back is not HTTP ({why})")
