"""HTTP/2 frames in a stream of bytes (RFC 9113, section 4), without IO, and the few that a fault makes itself.

Tested in tests/faults/test_grpc_faults.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""What a client that knows that the server speaks HTTP/2 sends first."""

DATA, HEADERS, RST_STREAM, PUSH_PROMISE, GOAWAY, CONTINUATION = 0x0, 0x1, 0x3, 0x5, 0x7, 0x9
END_STREAM, END_HEADERS, _PADDED, _PRIORITY = 0x1, 0x4, 0x8, 0x20
_HEAD, _MOST_TYPE = 9, 0xC

MOST_FRAME = 1 << 20
"""The longest frame that is read; the usual limit is 16 KiB."""


@dataclass(slots=True)
class Frame:
    """One frame."""

    kind: int
    flags: int
    stream: int
    payload: bytes

    def encode(self) -> bytes:
        """Its bytes."""
        head = (len(self.payload) << 48 | self.kind << 40 | self.flags << 32 | self.stream).to_bytes(_HEAD, "big")
        return head + self.payload

    def strip_padding(self) -> bytes:
        """The payload of DATA or HEADERS without padding and priority."""
        payload = self.payload
        if self.flags & _PADDED:
            payload = payload[1 : len(payload) - payload[0]]
        if self.kind == HEADERS and self.flags & _PRIORITY:
            payload = payload[5:]
        return payload


class FrameScanner:
    """Splits one direction of a connection into frames."""

    def __init__(self) -> None:
        self._buffer = b""
        self.is_broken = False
        """Whether a frame was too long, or what came cannot be frames."""

    @property
    def pending(self) -> int:
        """Bytes of a frame that is not complete."""
        return len(self._buffer)

    def scan(self, data: bytes) -> Iterator[Frame]:
        """The frames that are complete."""
        data, self._buffer = self._buffer + data, b""
        place = 0
        while len(data) - place >= _HEAD and not self.is_broken:
            length, kind = int.from_bytes(data[place : place + 3], "big"), data[place + 3]
            self.is_broken = length > MOST_FRAME or kind > _MOST_TYPE
            end = place + _HEAD + length
            if self.is_broken or end > len(data):
                break
            stream = int.from_bytes(data[place + 5 : place + _HEAD], "big") & 0x7FFFFFFF
            yield Frame(kind, data[place + 4], stream, data[place + _HEAD : end])
            place = end
        self._buffer = data[place:]

    def release(self) -> bytes:
        """Give up the bytes of a frame that is not complete."""
        rest, self._buffer = self._buffer, b""
        return rest


def is_whole_frames(data: bytes) -> bool:
    """Whether these bytes are some frames and nothing more, so that they begin and end at the border of a frame."""
    scanner = FrameScanner()
    frames = sum(1 for _ in scanner.scan(data))
    return frames > 0 and not scanner.pending and not scanner.is_broken


def make_reset(stream: int, code: int) -> Frame:
    """The end of one stream, with an error code (section 7)."""
    return Frame(RST_STREAM, 0, stream, code.to_bytes(4, "big"))


def make_goaway() -> Frame:
    """A request to the client to use another connection for new streams."""
    return Frame(GOAWAY, 0, 0, (0x7FFFFFFF).to_bytes(4, "big") + (0).to_bytes(4, "big"))


def encode_headers(headers: list[tuple[bytes, bytes]]) -> bytes:
    """A header block of plain literals, which neither reads nor changes the compression's state (RFC 7541, 6.2.2)."""
    return b"".join(b"\x00" + _encode_text(name) + _encode_text(value) for name, value in headers)


def _encode_text(text: bytes) -> bytes:
    """Length, as a number with a prefix of 7 bits, and bytes."""
    length = len(text)
    if length < 127:
        return bytes([length]) + text
    rest, digits = length - 127, bytearray([127])
    while rest >= 128:
        digits.append(rest % 128 + 128)
        rest //= 128
    return bytes(digits) + bytes([rest]) + text
