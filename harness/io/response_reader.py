"""What comes back from one exchange, taken in within caps: head, body, and the events of a stream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.core.adapter import StreamDecoder
from harness.core.errors import ErrorClass, TransportError
from harness.core.exchange import EventKind, Response, StreamEvent
from harness.io.content import Inflater

STREAM_TYPES = frozenset(
    {"text/event-stream", "application/x-ndjson", "application/ndjson", "application/jsonl", "application/jsonlines"}
)
"""Media types whose body a stream decoder is fed with; anything else is kept as a plain body."""


@dataclass(frozen=True, slots=True)
class Caps:
    """The most that is taken in of one answer: bytes of decoded body, of one line of a stream, of headers; events."""

    body_bytes: int = 32 * 2**20
    line_bytes: int = 2**20
    header_bytes: int = 64 * 2**10
    events: int = 100_000


class ResponseReader:
    """Takes in one answer. Its methods raise `TransportError` for what is over a cap or not in its encoding."""

    def __init__(self, caps: Caps, decoder: StreamDecoder | None) -> None:
        self._caps, self._decoder = caps, decoder
        self._inflater = Inflater("", caps.body_bytes)
        self._head: Response | None = None
        self._body = bytearray()
        self._raw = self._line = 0
        self.events: list[StreamEvent] = []
        self.tokens: list[float] = []

    @property
    def response(self) -> Response | None:
        """The answer as far as it came, or None before its head."""
        if self._head is None:
            return None
        return Response(self._head.status, self._head.headers, bytes(self._body), self._head.http_version)

    def head(self, head: Response) -> None:
        """Take in status and headers, an answer without its body."""
        self._head = head
        if (size := sum(len(name) + len(value) for name, value in head.headers)) > self._caps.header_bytes:
            raise _over(f"{size} bytes of headers", self._caps.header_bytes)
        if not (200 <= head.status < 300 and head.content_type in STREAM_TYPES):
            self._decoder = None
        codings = ", ".join(value for name, value in head.headers if name == "content-encoding")
        self._inflater = Inflater(codings, self._caps.body_bytes)

    def piece(self, data: bytes, at: float) -> None:
        """Take in a piece of the body, which came at this time. Raises `ProtocolError` where the decoder does."""
        self._raw += len(data)
        if self._raw > self._caps.body_bytes:
            raise _over("the body", self._caps.body_bytes)
        decoded = self._inflater.feed(data)
        self._body += decoded
        if self._decoder is not None and decoded:
            self._bound_line(decoded)
            self._keep(self._decoder.feed(decoded), at)

    def end(self, ended: Callable[[], float]) -> None:
        """The body has come to its end, which `ended` stamps where it is one. Raises as `piece` does."""
        self._inflater.finish()
        at = ended()
        if self._decoder is not None:
            self._keep(self._decoder.close(), at)

    def _bound_line(self, data: bytes) -> None:
        last = max(data.rfind(b"\n"), data.rfind(b"\r"))
        self._line = self._line + len(data) if last < 0 else len(data) - last - 1
        if self._line > self._caps.line_bytes:
            raise _over("a line of the stream", self._caps.line_bytes)

    def _keep(self, events: list[StreamEvent], at: float) -> None:
        room = self._caps.events - len(self.events)
        self.events += events[:room]
        self.tokens += [at for event in events[:room] if event.kind is EventKind.DELTA and event.text]
        if len(events) > room:
            raise TransportError(ErrorClass.TOO_LARGE, f"the stream is over the cap of {self._caps.events} events")


def _over(what: str, cap: int) -> TransportError:
    return TransportError(ErrorClass.TOO_LARGE, f"{what} over the cap of {cap} bytes")
