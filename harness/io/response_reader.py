"""Read one response within caps: head, body, and the events of a stream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.core.adapter import StreamDecoder
from harness.core.errors import ErrorClass, TransportError
from harness.core.exchange import Response, StreamEvent
from harness.io.content import Inflater

STREAM_TYPES = frozenset(
    {"text/event-stream", "application/x-ndjson", "application/ndjson", "application/jsonl", "application/jsonlines"}
)
"""Media types of streams, whose body goes through a stream decoder."""


@dataclass(frozen=True, slots=True)
class Caps:
    """The most that is read of one response: bytes of decoded body, of one line of a stream, of headers; events."""

    body_bytes: int = 32 * 2**20
    line_bytes: int = 2**20
    header_bytes: int = 64 * 2**10
    events: int = 100_000


class ResponseReader:
    """Reads one response. Its methods raise `TransportError` for what is over a cap or not in its content coding."""

    def __init__(self, caps: Caps, decoder: StreamDecoder | None) -> None:
        self._caps, self._decoder = caps, decoder
        self._inflater = Inflater("", caps.body_bytes)
        self._head: Response | None = None
        self._body = bytearray()
        self._received = self._line_bytes = 0
        self.events: list[StreamEvent] = []
        self.tokens: list[float] = []
        self.output: float | None = None

    @property
    def response(self) -> Response | None:
        """The response as far as it came, or None before its head."""
        if self._head is None:
            return None
        return Response(self._head.status, self._head.headers, bytes(self._body), self._head.http_version)

    def read_head(self, head: Response) -> None:
        """Read status and headers: a response without its body."""
        self._head = head
        if (size := sum(len(name) + len(value) for name, value in head.headers)) > self._caps.header_bytes:
            raise make_cap_error(f"{size} bytes of headers are", self._caps.header_bytes)
        if not (200 <= head.status < 300 and head.content_type in STREAM_TYPES):
            self._decoder = None
        codings = ", ".join(value for name, value in head.headers if name == "content-encoding")
        self._inflater = Inflater(codings, self._caps.body_bytes)

    def read_piece(self, data: bytes, at: float) -> None:
        """Read a piece of the body, which came at this time. Raises `ProtocolError` where the decoder does."""
        self._received += len(data)
        if self._received > self._caps.body_bytes:
            raise make_cap_error("the body is", self._caps.body_bytes)
        decoded = self._inflater.feed(data)
        self._body += decoded
        if self._decoder is not None and decoded:
            self._check_line(decoded)
            self._add_events(self._decoder.feed(decoded), at)

    def finish(self, stamp_end: Callable[[], float]) -> None:
        """The body has ended; `stamp_end` is called once it is known to be complete. Raises as `read_piece` does."""
        self._inflater.finish()
        at = stamp_end()
        if self._decoder is not None:
            self._add_events(self._decoder.close(), at)

    def _check_line(self, data: bytes) -> None:
        last = max(data.rfind(b"\n"), data.rfind(b"\r"))
        self._line_bytes = self._line_bytes + len(data) if last < 0 else len(data) - last - 1
        if self._line_bytes > self._caps.line_bytes:
            raise make_cap_error("a line of the stream is", self._caps.line_bytes)

    def _add_events(self, events: list[StreamEvent], at: float) -> None:
        room = self._caps.events - len(self.events)
        self.events += events[:room]
        self.tokens += [at for event in events[:room] if event.is_generated]
        if self.output is None and any(event.is_output for event in events[:room]):
            self.output = at
        if len(events) > room:
            raise TransportError(ErrorClass.TOO_LARGE, f"the stream is over the cap of {self._caps.events} events")


def make_cap_error(what: str, cap: int) -> TransportError:
    """The error of something that is over a cap of so many bytes; `what` ends with its verb."""
    return TransportError(ErrorClass.TOO_LARGE, f"{what} over the cap of {cap} bytes")
